// Package rig is what both sides of a comparison share: the data, the meter and
// the emulator. It owns no benchmark and knows neither the engines nor their
// rivals, so that neither gets anything the other does not.
package rig

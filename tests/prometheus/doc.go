// Package prometheus holds one test alone: a real Fluent Bit with the built plugins,
// scraped by a real Prometheus with the rules of conf/grafana, goes through every fault
// that has a rule. Each rule fires for its fault and for no other, and not before.
// tests/grafana has what needs no server: the form of rules and dashboard, and promtool's
// series for gaps, restarts and missed scrapes.
package prometheus

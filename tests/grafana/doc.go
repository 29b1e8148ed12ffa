// Package grafana tests conf/grafana with Prometheus's own parsers: every query of
// the dashboard and every alert rule is valid, and the metrics and labels in them
// are those that the READMEs of the plugins list, which are held to the code by
// tests/declared. It is a module of its own so that the plugins do not depend on
// Prometheus, and has no code of its own.
package grafana

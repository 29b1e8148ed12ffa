// Package kubernetes holds tests alone: that conf/kubernetes, conf/helm and the
// Dockerfile are what Kubernetes, the official chart and BuildKit can read, and
// that what they name (mounts, ports, options, files) is there. It is a module of
// its own, so that the plugins' go.mod does not grow by what only these tests need.
package kubernetes

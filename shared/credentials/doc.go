// Package credentials owns who the plugins are to the service: the options that
// say where access keys come from, and a Provider that gets them there, keeps them, and
// refreshes them ahead of their expiry.
//
// It does no network before the first request needs a key, never holds up a
// caller while keys it has are still valid, starts no goroutine but the one
// fetch under way, and never puts a secret, or an answer that may hold one,
// into a log or an error. It knows nothing of requests and signatures.
//
// provider.go caches (cached.go) what sources.go finds: sts.go, metadata.go and profile.go are its
// sources, and fetch.go puts bounds on what is asked of servers.
package credentials

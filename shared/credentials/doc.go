// Package credentials owns who the plugins are to the service: the options that say where
// access keys come from, and a Provider. The Provider gets the keys there, keeps them,
// and refreshes them before they expire.
//
// It does no network before the first request needs a key. It never holds up a caller
// while its keys are still valid. It starts no goroutine but the one fetch under way. It
// never puts a secret, or an answer that may hold one, into a log or an error. It knows
// nothing of requests and signatures.
//
// provider.go caches (cached.go) what sources.go finds. Its sources are sts.go,
// metadata.go and profile.go; fetch.go bounds what servers are asked and answer.
package credentials

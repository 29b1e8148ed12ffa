package output

import (
	"slices"
	"sync"

	"fluent-bit-sls/tests/campaign/output/judge"
	"fluent-bit-sls/tests/campaign/secrets"
	"fluent-bit-sls/tests/slsfake"
)

// keyRing holds the keys of the incarnations that are alive.
type keyRing struct {
	mu   sync.Mutex // guards keys
	keys []secrets.Key
}

// add makes the key of an incarnation and makes the server take it.
func (r *keyRing) add(server *slsfake.Server, base secrets.Key, incarnation int) secrets.Key {
	k := base
	k.ID = judge.KeyID(base.ID, incarnation)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.keys = append(r.keys, k)
	server.AddKey(k.ID, k.Secret, k.Token)
	return k
}

// retire is called when an incarnation is over. Its key stays valid: what a killed process
// has sent may still lie in a socket.
func (r *keyRing) retire(k secrets.Key) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.keys = slices.DeleteFunc(r.keys, func(other secrets.Key) bool { return other == k })
}

func (r *keyRing) all() []secrets.Key {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.keys)
}

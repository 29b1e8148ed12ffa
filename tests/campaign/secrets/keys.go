// Package secrets owns the keys of a campaign and looks for them in all that must not have
// them: logs, requests and what the campaign prints.
package secrets

import (
	"fmt"
	"math/rand/v2"
)

// Key is one of the emulators' key pairs; token "" is a permanent one.
type Key struct{ ID, Secret, Token string }

// NewKeys are one permanent and one temporary key. The secrets are unlike anything
// else, so that finding one in a log means something.
func NewKeys(r *rand.Rand) []Key {
	secret := func(what string) string { return fmt.Sprintf("campaign%s%016x%016x", what, r.Uint64(), r.Uint64()) }
	return []Key{
		{ID: "campaign-key", Secret: secret("secret")},
		{ID: "STS.campaign-key", Secret: secret("secret"), Token: secret("token")},
	}
}

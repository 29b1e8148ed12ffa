package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// plugin puts a plugin into the campaign's folder: a reload loads it again, and
// whoever builds meanwhile must not change it under a running campaign.
func (c *config) plugin(so, name string) (string, error) {
	to := filepath.Join(c.dir, name)
	from, err := os.Open(so)
	if err != nil {
		return "", fmt.Errorf("find the plugin, `make build` makes it: %w", err)
	}
	defer from.Close() //nolint:errcheck // it was only read
	f, err := os.Create(to)
	if err != nil {
		return "", err
	}
	_, err = io.Copy(f, from)
	return to, errors.Join(err, f.Close())
}

package main

import (
	"fmt"
	"sync"
)

// stateFiles are the files in state_path that live sections have. Two sections of one
// alias would take each other's deliveries for their own.
var stateFiles = fileTable{files: map[string]bool{}}

// fileTable is a set of files, each of one section. It is safe for concurrent use.
type fileTable struct {
	mu    sync.Mutex
	files map[string]bool
}

// take makes a file a section's, "" aside.
func (t *fileTable) take(file, section string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if file == "" {
		return nil
	}
	if t.files[file] {
		return fmt.Errorf("option state_path: another section of the name %q has the file %s: give each section an alias of its own", section, file)
	}
	t.files[file] = true
	return nil
}

// give gives a file back.
func (t *fileTable) give(file string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.files, file)
}

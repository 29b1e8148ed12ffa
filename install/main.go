// Command install copies the plugins to where it is told, as a Kubernetes init
// container does: the images it comes in have no shell and no cp.
//
//	install [--from /plugins] DIR
//
// DIR is made if it is not there. A plugin that is there already is replaced in
// one step: a Fluent Bit that has loaded it goes on with what it loaded.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

func main() {
	from := flag.String("from", "/plugins", "folder that holds the plugins")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: install [--from /plugins] DIR")
		os.Exit(2)
	}
	if err := install(*from, flag.Arg(0), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "install:", err)
		os.Exit(1)
	}
}

// install copies every .so of from to the folder to and tells w of each.
func install(from, to string, w io.Writer) error {
	plugins, err := filepath.Glob(filepath.Join(from, "*.so"))
	if err != nil {
		return err
	}
	if len(plugins) == 0 {
		return fmt.Errorf("no plugin (*.so) in %s", from)
	}
	// Fluent Bit may run as another user than this program.
	if err := os.MkdirAll(to, 0o755); err != nil { //nolint:gosec // see above
		return err
	}
	for _, plugin := range plugins {
		target := filepath.Join(to, filepath.Base(plugin))
		n, err := replace(plugin, target)
		if err != nil {
			return fmt.Errorf("copy %s: %w", plugin, err)
		}
		if _, err := fmt.Fprintf(w, "installed %s, %d bytes\n", target, n); err != nil {
			return err
		}
	}
	return nil
}

// replace copies a file beside the target, whole and to the disk, and then
// renames it: nothing ever sees a part of it.
func replace(file, target string) (n int64, err error) {
	in, err := os.Open(file) //nolint:gosec // the operator names it
	if err != nil {
		return 0, err
	}
	defer in.Close() //nolint:errcheck // it was only read
	out, err := os.CreateTemp(filepath.Dir(target), ".install-*")
	if err != nil {
		return 0, err
	}
	n, err = io.Copy(out, in)
	err = errors.Join(err, out.Chmod(0o755), out.Sync(), out.Close())
	if err == nil {
		err = os.Rename(out.Name(), target)
	}
	if err != nil {
		return 0, errors.Join(err, os.Remove(out.Name()))
	}
	return n, nil
}

package output

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"fluent-bit-sls/tests/campaign/output/judge"
)

// shared is the alias of all sections whose memory is destroyed: two processes have one file.
const shared = "shared"

// fullDisk is a wrapper that lets files grow to a few kilobytes only, for one host in three.
func (a *agent) fullDisk() []string {
	if a.drain || a.random.IntN(3) > 0 {
		return nil
	}
	a.injector.Count("journal: full disk")
	return []string{"sh", "-c", `trap "" XFSZ; ulimit -f 16; exec "$@"`, "sh"}
}

// wreck does to the file of state_path what a power loss, a bad disk or an operator may. The
// other process may just have it open.
func (a *agent) wreck() {
	path := filepath.Join(a.Dir, shared+".state")
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) || len(b) == 0 {
		return
	}
	r, how := a.random, ""
	switch n := r.IntN(8); {
	case n == 0:
		how = "head damaged"
		b[r.IntN(min(64, len(b)))]++
	case n == 1:
		how = "cut"
		b = b[:r.IntN(len(b))]
	case n == 2:
		how = "rubbish behind it"
		for range r.IntN(300) {
			b = append(b, byte(r.Uint32()))
		}
	case n == 3:
		how = "a page of zeros"
		at := 4096 * r.IntN(1+len(b)/4096)
		clear(b[at:min(at+4096, len(b))])
	case n == 4 && a.memory == judge.Remembers: // numbers rely on a file that is not older
		how = "an old copy"
		if b, err = os.ReadFile(path + ".copy"); errors.Is(err, fs.ErrNotExist) {
			b, err = []byte{}, nil
		}
	case n < 7:
		how = "frames torn"
		for range 1 + r.IntN(40) {
			b[r.IntN(len(b))] ^= byte(1 + r.IntN(255))
		}
	default:
		err = errors.Join(err, os.WriteFile(path+".copy", b, 0o600))
		b = nil
	}
	if b != nil {
		err = errors.Join(err, overwrite(path, b))
	}
	if err != nil {
		a.failures.Addf("destroy a journal: %v", err)
	}
	if how != "" {
		a.injector.Count("journal: " + how)
	}
}

// overwrite leaves it the file that it is.
func overwrite(path string, b []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	return errors.Join(err, f.Close())
}

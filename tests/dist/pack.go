package main

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// contents are what a tarball holds beside what was built: files of the module,
// and folders with all that is in them.
// The pages are all those that links of one another lead to.
var contents = []string{
	"CHANGELOG.md", "CONTRIBUTING.md", "DESIGN.md", "LICENSE", "README.md", "SECURITY.md", "THIRD_PARTY_NOTICES", "sbom.cdx.json",
	"conf", "docs", "in_sls/README.md", "out_sls/README.md", "tests/slsfake/README.md",
}

// commitTime is the time of every file in the tarballs, so that the same commit
// gives the same bytes: $SOURCE_DATE_EPOCH, else that of the commit.
func commitTime(ctx context.Context) (time.Time, error) {
	text := os.Getenv("SOURCE_DATE_EPOCH")
	if text == "" {
		out, err := exec.CommandContext(ctx, "git", "log", "-1", "--format=%ct").Output()
		if err != nil {
			return time.Time{}, fmt.Errorf("ask git for the time of the commit (SOURCE_DATE_EPOCH sets it where there is none): %w", err)
		}
		text = strings.TrimSpace(string(out))
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("time of the commit: %w", err)
	}
	return time.Unix(seconds, 0).UTC(), nil
}

// pack writes the tarball of one processor to folder and returns its path: what was
// built, by its name there, and contents below root, the module's. Names are sorted, owners are 0, modes 0755 and 0644, and all
// times are stamp.
func pack(ctx context.Context, root, folder, arch, version string, stamp time.Time, built map[string]string) (string, error) {
	top := fmt.Sprintf("fluent-bit-sls-%s-linux-%s", version, arch)
	files := maps.Clone(built)
	for _, name := range contents {
		if err := collect(root, name, files); err != nil {
			return "", err
		}
	}
	name := filepath.Join(folder, top+".tar.gz")
	f, err := os.Create(name)
	if err != nil {
		return "", err
	}
	zipped, err := gzip.NewWriterLevel(f, gzip.BestCompression)
	if err != nil {
		return "", err
	}
	w := tar.NewWriter(zipped)
	for _, inside := range slices.Sorted(maps.Keys(files)) {
		err = errors.Join(ctx.Err(), add(w, path.Join(top, inside), files[inside], mode(built, inside), stamp))
		if err != nil {
			break
		}
	}
	if err := errors.Join(err, w.Close(), zipped.Close(), f.Close()); err != nil {
		return "", fmt.Errorf("pack %s: %w", name, err)
	}
	return name, nil
}

// collect adds the file or all files of the folder to files, by their names in
// the tarball.
func collect(root, name string, files map[string]string) error {
	found := false
	err := filepath.WalkDir(filepath.Join(root, name), func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		inside, err := filepath.Rel(root, file)
		files[filepath.ToSlash(inside)] = file
		found = true
		return err
	})
	if err == nil && !found {
		err = errors.New("there is no file in it")
	}
	if err != nil {
		return fmt.Errorf("collect %s: %w", name, err)
	}
	return nil
}

// mode is that of what was built, which is run or loaded, or of a text.
func mode(built map[string]string, inside string) int64 {
	if _, ok := built[inside]; ok {
		return 0o755
	}
	return 0o644
}

func add(w *tar.Writer, inside, file string, mode int64, stamp time.Time) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // it was only read
	info, err := f.Stat()
	if err != nil {
		return err
	}
	head := &tar.Header{
		Typeflag: tar.TypeReg, Name: inside, Size: info.Size(), Mode: mode,
		ModTime: stamp, Format: tar.FormatPAX,
	}
	if err := w.WriteHeader(head); err != nil {
		return err
	}
	_, err = io.Copy(w, f)
	return err
}

// writeSums writes SHA256SUMS of the tarballs in folder, for sha256sum -c, and
// returns its text.
func writeSums(folder string) (string, error) {
	tarballs, err := filepath.Glob(filepath.Join(folder, "*.tar.gz")) // sorted
	if err != nil {
		return "", err
	}
	var sums strings.Builder
	for _, tarball := range tarballs {
		f, err := os.Open(tarball)
		if err != nil {
			return "", err
		}
		hash := sha256.New()
		_, err = io.Copy(hash, f)
		if err := errors.Join(err, f.Close()); err != nil {
			return "", err
		}
		fmt.Fprintf(&sums, "%x  %s\n", hash.Sum(nil), filepath.Base(tarball))
	}
	return sums.String(), os.WriteFile(filepath.Join(folder, "SHA256SUMS"), []byte(sums.String()), 0o644)
}

package main

import (
	"archive/tar"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// module lays out what a release takes of the project, and what was built.
func module(t *testing.T) (root string, built map[string]string) {
	t.Helper()
	root = t.TempDir()
	write := func(name string) string {
		file := filepath.Join(root, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
		require.NoError(t, os.WriteFile(file, []byte("this is "+name), 0o600))
		return file
	}
	for _, name := range []string{
		"conf/z.yaml", "conf/a.yaml", "conf/kubernetes/agent/daemonset.yaml", "CHANGELOG.md", "LICENSE", "README.md", "SECURITY.md",
		"THIRD_PARTY_NOTICES", "sbom.cdx.json", "docs/tuning.md", "in_sls/README.md", "out_sls/README.md", "in_sls/main.go",
		"CONTRIBUTING.md", "DESIGN.md", "tests/slsfake/README.md",
	} {
		write(name)
	}
	built = map[string]string{}
	for _, name := range []string{"out_sls.so", "in_sls.so", "slsfake"} {
		built[name] = write("build/linux-arm64/" + name)
	}
	return root, built
}

func TestPack(t *testing.T) {
	root, built := module(t)
	stamp := time.Unix(1_700_000_000, 0).UTC()
	name, err := pack(t.Context(), root, t.TempDir(), "arm64", "v1.2.3", stamp, built)
	require.NoError(t, err)
	require.Equal(t, "fluent-bit-sls-v1.2.3-linux-arm64.tar.gz", filepath.Base(name))

	f, err := os.Open(name)
	require.NoError(t, err)
	defer f.Close()
	zipped, err := gzip.NewReader(f)
	require.NoError(t, err)
	var names []string
	for r := tar.NewReader(zipped); ; {
		head, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		text, err := io.ReadAll(r)
		require.NoError(t, err)
		const top = "fluent-bit-sls-v1.2.3-linux-arm64/"
		inside := head.Name[len(top):]
		names = append(names, inside)
		require.Contains(t, string(text), filepath.Base(inside))
		mode := int64(0o644)
		if filepath.Ext(inside) == ".so" || inside == "slsfake" {
			mode = 0o755
		}
		require.Equal(t, []int64{mode, 0, 0}, []int64{head.Mode, int64(head.Uid), int64(head.Gid)}, inside)
		require.Equal(t, stamp, head.ModTime.UTC())
		require.Empty(t, head.Uname+head.Gname)
	}
	require.Equal(t, []string{
		"CHANGELOG.md", "CONTRIBUTING.md", "DESIGN.md", "LICENSE", "README.md", "SECURITY.md", "THIRD_PARTY_NOTICES",
		"conf/a.yaml", "conf/kubernetes/agent/daemonset.yaml", "conf/z.yaml",
		"docs/tuning.md", "in_sls.so", "in_sls/README.md", "out_sls.so", "out_sls/README.md", "sbom.cdx.json", "slsfake", "tests/slsfake/README.md",
	}, names)
}

// A page of a release links only to what the release has: a package has the same folders under /opt/sls.
func TestLinksOfAReleaseLeadSomewhere(t *testing.T) {
	files := map[string]string{}
	for _, name := range contents {
		require.NoError(t, collect("../..", name, files))
	}
	for _, notice := range []string{"LICENSE", "THIRD_PARTY_NOTICES", "sbom.cdx.json"} {
		delete(files, notice) // which a package has in /usr/share/doc
	}
	there := map[string]bool{".": true}
	for name := range files {
		for ; name != "."; name = path.Dir(name) {
			there[name] = true
		}
	}
	link := regexp.MustCompile(`\]\(([^)#\s]+)[^)\s]*\)`)
	pages := 0
	for name, file := range files {
		if path.Ext(name) != ".md" {
			continue
		}
		pages++
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			if !strings.Contains(m[1], "://") {
				require.True(t, there[path.Join(path.Dir(name), m[1])], "%s links to %s", name, m[1])
			}
		}
	}
	require.Greater(t, pages, 10)
}

// The same sources give the same bytes, whenever and wherever.
func TestPackIsReproducible(t *testing.T) {
	var sums []string
	for age := range 2 {
		root, built := module(t)
		then := time.Now().Add(-time.Duration(age) * time.Hour)
		require.NoError(t, os.Chtimes(filepath.Join(root, "LICENSE"), then, then))
		require.NoError(t, os.Chmod(filepath.Join(root, "README.md"), os.FileMode(0o600+age)))
		folder := t.TempDir()
		_, err := pack(t.Context(), root, folder, "amd64", "v1", time.Unix(1, 0), built)
		require.NoError(t, err)
		text, err := writeSums(folder)
		require.NoError(t, err)
		sum, err := os.ReadFile(filepath.Join(folder, "SHA256SUMS"))
		require.NoError(t, err)
		require.Equal(t, text, string(sum))
		sums = append(sums, string(sum))
		tarball, err := os.ReadFile(filepath.Join(folder, "fluent-bit-sls-v1-linux-amd64.tar.gz"))
		require.NoError(t, err)
		require.Equal(t, fmt.Sprintf("%x  fluent-bit-sls-v1-linux-amd64.tar.gz\n", sha256.Sum256(tarball)), string(sum))
	}
	require.Equal(t, sums[0], sums[1])
}

func TestPackMisses(t *testing.T) {
	for _, gone := range []string{"conf", "LICENSE", "out_sls/README.md", "build/linux-arm64/in_sls.so"} {
		root, built := module(t)
		require.NoError(t, os.RemoveAll(filepath.Join(root, gone)))
		_, err := pack(t.Context(), root, t.TempDir(), "arm64", "v1", time.Unix(1, 0), built)
		require.ErrorContains(t, err, filepath.Base(gone))
	}
	root, built := module(t)
	require.NoError(t, os.RemoveAll(filepath.Join(root, "conf")))
	require.NoError(t, os.Mkdir(filepath.Join(root, "conf"), 0o755))
	_, err := pack(t.Context(), root, t.TempDir(), "arm64", "v1", time.Unix(1, 0), built)
	require.EqualError(t, err, "collect conf: there is no file in it")
}

func TestCommitTime(t *testing.T) {
	t.Setenv("SOURCE_DATE_EPOCH", "1700000000")
	at, err := commitTime(t.Context())
	require.NoError(t, err)
	require.Equal(t, int64(1_700_000_000), at.Unix())
	t.Setenv("SOURCE_DATE_EPOCH", "yesterday")
	_, err = commitTime(t.Context())
	require.ErrorContains(t, err, "time of the commit")
	t.Setenv("SOURCE_DATE_EPOCH", "")
	t.Chdir(t.TempDir())
	_, err = commitTime(t.Context())
	require.ErrorContains(t, err, "SOURCE_DATE_EPOCH")
}

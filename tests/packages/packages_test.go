package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const version = "v1.2.3"

var stamp = time.Unix(1_700_000_000, 0).UTC()

// installed are the files of a package, by their names in the tarball.
var installed = map[string]string{
	"out_sls.so": "opt/sls/out_sls.so", "in_sls.so": "opt/sls/in_sls.so",
	"README.md": "opt/sls/README.md", "docs/tuning.md": "opt/sls/docs/tuning.md", "CHANGELOG.md": "opt/sls/CHANGELOG.md",
	"out_sls/README.md": "opt/sls/out_sls/README.md", "in_sls/README.md": "opt/sls/in_sls/README.md",
	"conf/ship-files.yaml": "opt/sls/conf/ship-files.yaml", "conf/ram/output.json": "opt/sls/conf/ram/output.json",
	"LICENSE":             "usr/share/doc/fluent-bit-sls/copyright",
	"THIRD_PARTY_NOTICES": "usr/share/doc/fluent-bit-sls/THIRD_PARTY_NOTICES",
	"sbom.cdx.json":       "usr/share/doc/fluent-bit-sls/sbom.cdx.json",
}

// dist lays out tarballs as make dist makes them; the plugins are text.
func dist(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	for _, arch := range []string{"amd64", "arm64"} {
		top := "fluent-bit-sls-" + version + "-linux-" + arch
		f, err := os.Create(filepath.Join(folder, top+".tar.gz"))
		require.NoError(t, err)
		zipped := gzip.NewWriter(f)
		w := tar.NewWriter(zipped)
		for _, name := range append(slices.Sorted(maps.Keys(installed)), "slsfake") {
			text := "this is " + name
			require.NoError(t, w.WriteHeader(&tar.Header{Name: top + "/" + name, Size: int64(len(text)), Mode: 0o644}))
			_, err := w.Write([]byte(text))
			require.NoError(t, err)
		}
		require.NoError(t, w.Close())
		require.NoError(t, zipped.Close())
		require.NoError(t, f.Close())
	}
	return folder
}

func requireInstalled(t *testing.T, root string) {
	t.Helper()
	for from, file := range installed {
		text, err := os.ReadFile(filepath.Join(root, file))
		require.NoError(t, err)
		require.Equal(t, "this is "+from, string(text))
	}
	require.NoFileExists(t, filepath.Join(root, "opt/sls/slsfake"))
	for _, so := range []string{"out_sls.so", "in_sls.so"} {
		info, err := os.Stat(filepath.Join(root, "opt/sls", so))
		require.NoError(t, err)
		require.Equal(t, fs.FileMode(0o755), info.Mode())
		require.True(t, info.ModTime().Equal(stamp))
	}
}

func command(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	require.NoError(t, err, "%s %v: %s", name, args, out)
	return string(out)
}

func TestDeb(t *testing.T) {
	if _, err := exec.LookPath("dpkg"); err != nil || os.Geteuid() != 0 {
		fmt.Println("report: the .deb was not installed: no dpkg, or not root")
		return
	}
	file, err := build(dist(t), version, runtime.GOARCH, "deb", stamp)
	require.NoError(t, err)
	require.Equal(t, "fluent-bit-sls_1.2.3_"+runtime.GOARCH+".deb", filepath.Base(file))
	root := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(root, "var/lib/dpkg/updates"), 0o755))
	require.NoError(t, os.MkdirAll(filepath.Join(root, "var/lib/dpkg/info"), 0o755))
	for _, name := range []string{"status", "available"} {
		require.NoError(t, os.WriteFile(filepath.Join(root, "var/lib/dpkg", name), nil, 0o600))
	}
	dpkg := []string{"--root=" + root, "--force-script-chrootless", "--log=" + filepath.Join(root, "log")}
	out := command(t, "dpkg", append(slices.Clone(dpkg), "--install", file)...)
	requireTold(t, out)
	requireInstalled(t, root)
	require.Empty(t, command(t, "dpkg", append(slices.Clone(dpkg), "--verify", "fluent-bit-sls")...))
	require.Contains(t, command(t, "dpkg", append(slices.Clone(dpkg), "--status", "fluent-bit-sls")...), "Version: 1.2.3\n")
	command(t, "dpkg", append(slices.Clone(dpkg), "--purge", "fluent-bit-sls")...)
	require.NoDirExists(t, filepath.Join(root, "opt/sls"))
}

func TestRpm(t *testing.T) {
	if _, err := exec.LookPath("rpm"); err != nil || os.Geteuid() != 0 {
		fmt.Println("report: the .rpm was not installed: no rpm, or not root")
		return
	}
	file, err := build(dist(t), version, runtime.GOARCH, "rpm", stamp)
	require.NoError(t, err)
	arch := map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[runtime.GOARCH]
	require.Equal(t, "fluent-bit-sls-1.2.3-1."+arch+".rpm", filepath.Base(file))
	require.Equal(t, "Apache-2.0", command(t, "rpm", "--query", "--package", "--queryformat", "%{LICENSE}", file))
	requireTold(t, command(t, "rpm", "--query", "--package", "--scripts", file))
	root, db := t.TempDir(), t.TempDir()
	rpm := []string{"--dbpath", db}
	// Without scripts: there is no shell in the folder, and with its own root rpm would run them there.
	command(t, "rpm", append(slices.Clone(rpm), "--root", root, "--install", "--nodeps", "--noscripts", file)...)
	requireInstalled(t, root)
	require.Empty(t, command(t, "rpm", append(slices.Clone(rpm), "--root", root, "--verify", "--nodeps", "fluent-bit-sls")...))
	command(t, "rpm", append(slices.Clone(rpm), "--root", root, "--erase", "--noscripts", "fluent-bit-sls")...)
	require.NoFileExists(t, filepath.Join(root, "opt/sls/out_sls.so"))
}

// requireTold: what is left to do, in three lines.
func requireTold(t *testing.T, out string) {
	t.Helper()
	_, text, found := strings.Cut(afterInstall, "<<'TEXT'\n")
	require.True(t, found)
	text = strings.TrimSuffix(text, "TEXT\n")
	require.Equal(t, 3, strings.Count(text, "\n"))
	require.Contains(t, out, text)
}

// Both processors and both forms, the same bytes every time, in SHA256SUMS.
func TestPackagesAreReproducible(t *testing.T) {
	var sums []string
	for range 2 {
		folder := dist(t)
		require.NoError(t, run(folder, version, stamp))
		text, err := os.ReadFile(filepath.Join(folder, "SHA256SUMS"))
		require.NoError(t, err)
		require.Equal(t, 6, bytes.Count(text, []byte("\n")), "%s", text)
		sums = append(sums, string(text))
		cmd := exec.CommandContext(t.Context(), "sha256sum", "--check", "--strict", "SHA256SUMS")
		cmd.Dir = folder
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	require.Equal(t, sums[0], sums[1])
}

func TestVersions(t *testing.T) {
	for version, want := range map[string]string{
		"v1.2.3": "1.2.3", "1.2.3-rc1": "1.2.3~rc1", "v1.0.0-5-gabcdef": "1.0.0+5.gabcdef", "abcdef-dirty": "0.0.0+abcdef~dirty", "511de6e": "0.0.0+511de6e", "dev": "0.0.0+dev",
	} {
		require.Equal(t, want, packageVersion(version))
	}
}

func TestTarballThatIsNotOurs(t *testing.T) {
	_, err := build(t.TempDir(), version, "amd64", "deb", stamp)
	require.ErrorIs(t, err, fs.ErrNotExist)
}

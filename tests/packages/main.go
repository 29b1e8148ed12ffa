// Command packages makes .deb and .rpm packages of the tarballs in build/dist, which make dist
// has made and tried, and writes them into SHA256SUMS. It is a module of its own, so that the
// plugins' go.mod does not grow by what only packages need.
//
//	packages --version VERSION --time UNIX_SECONDS ../../build/dist
package main

import (
	"archive/tar"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/goreleaser/nfpm/v2"
	_ "github.com/goreleaser/nfpm/v2/deb" // the two forms
	"github.com/goreleaser/nfpm/v2/files"
	_ "github.com/goreleaser/nfpm/v2/rpm"
)

const name = "fluent-bit-sls"

// afterInstall says in three lines what is left to do. The package starts and restarts nothing:
// a running Fluent Bit keeps the old plugins until somebody restarts it.
const afterInstall = `#!/bin/sh
cat <<'TEXT'
fluent-bit-sls: add to Fluent Bit's configuration   plugins: [/opt/sls/out_sls.so, /opt/sls/in_sls.so]
or start it with   -e /opt/sls/out_sls.so -e /opt/sls/in_sls.so   and restart it: a reload keeps old plugins.
Begin with /opt/sls/README.md; configurations are in /opt/sls/conf, options in /opt/sls/{out,in}_sls/README.md.
TEXT
`

func main() {
	version := flag.String("version", "", "version of the release")
	seconds := flag.Int64("time", 0, "time of every file, in Unix seconds")
	flag.Parse()
	if err := run(flag.Arg(0), *version, time.Unix(*seconds, 0).UTC()); err != nil {
		fmt.Fprintln(os.Stderr, "packages:", err)
		os.Exit(1)
	}
}

func run(dist, version string, stamp time.Time) error {
	for _, arch := range []string{"amd64", "arm64"} {
		for _, form := range []string{"deb", "rpm"} {
			file, err := build(dist, version, arch, form, stamp)
			if err != nil {
				return fmt.Errorf("%s for %s: %w", form, arch, err)
			}
			fmt.Println(file)
		}
	}
	return writeSums(dist)
}

// sinceTag is what git puts behind a tag for the commits after it.
var sinceTag = regexp.MustCompile(`-(\d+)-g([0-9a-f]+)`)

// packageVersion is a version as both forms compare it: commits after a tag are newer than it
// (+), everything else behind a hyphen is older (~). Without a tag every release is newer.
func packageVersion(version string) string {
	plain := strings.TrimPrefix(version, "v")
	if !regexp.MustCompile(`^\d+\.`).MatchString(plain) {
		plain = "0.0.0+" + plain
	}
	return strings.ReplaceAll(sinceTag.ReplaceAllString(plain, "+$1.g$2"), "-", "~")
}

// build makes one package of the tarball of its processor and returns its file.
func build(dist, version, arch, form string, stamp time.Time) (string, error) {
	folder, err := os.MkdirTemp("", "packages")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(folder) //nolint:errcheck // a temporary folder left behind changes no result
	top := fmt.Sprintf("%s-%s-linux-%s", name, version, arch)
	if err = unpack(filepath.Join(dist, top+".tar.gz"), folder); err != nil {
		return "", err
	}
	after := filepath.Join(folder, "after-install")
	if err = os.WriteFile(after, []byte(afterInstall), 0o600); err != nil {
		return "", err
	}
	info := nfpm.WithDefaults(&nfpm.Info{
		Name: name, Arch: arch, Platform: "linux", Version: packageVersion(version), VersionSchema: "none", MTime: stamp,
		Section: "net", Priority: "optional", Maintainer: "the maintainers of fluent-bit-sls <fluent-bit-sls@example.com>",
		License: "Apache-2.0", Description: "Fluent Bit plugins for Alibaba Cloud Simple Log Service\nout_sls ships logs to SLS, in_sls consumes them with a consumer group.",
	})
	info.Scripts.PostInstall = after
	info.RPM.BuildHost = "localhost"
	inside := filepath.Join(folder, top)
	info.Contents, err = contents(inside, stamp)
	if err != nil {
		return "", err
	}
	if err := nfpm.PrepareForPackager(info, form); err != nil {
		return "", err
	}
	packager, err := nfpm.Get(form)
	if err != nil {
		return "", err
	}
	file := filepath.Join(dist, packager.ConventionalFileName(info))
	out, err := os.Create(file)
	if err != nil {
		return "", err
	}
	return file, errors.Join(packager.Package(info, out), out.Close())
}

// notices are where a system looks for them, by their names in the tarball.
var notices = map[string]string{"LICENSE": "copyright", "THIRD_PARTY_NOTICES": "THIRD_PARTY_NOTICES", "sbom.cdx.json": "sbom.cdx.json"}

// contents are the files of a package: those of the tarball under /opt/sls, in the same folders,
// so that links from page to page hold. The emulator is for the machine of a developer.
func contents(inside string, stamp time.Time) (all files.Contents, err error) {
	err = filepath.WalkDir(inside, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		from, err := filepath.Rel(inside, file)
		if err != nil || from == "slsfake" {
			return err
		}
		to, mode := "/opt/sls/"+filepath.ToSlash(from), os.FileMode(0o644)
		if filepath.Ext(from) == ".so" {
			mode = 0o755
		}
		if notice, ok := notices[from]; ok {
			to = "/usr/share/doc/" + name + "/" + notice
		}
		all = append(all, &files.Content{
			Source: file, Destination: to,
			FileInfo: &files.ContentFileInfo{Mode: mode, MTime: stamp, Owner: "root", Group: "root"},
		})
		return nil
	})
	return all, err
}

// unpack writes the files of a tarball of ours to folder.
func unpack(tarball, folder string) error {
	f, err := os.Open(tarball)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // it was only read
	zipped, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	for r := tar.NewReader(zipped); ; {
		head, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if !filepath.IsLocal(head.Name) {
			return fmt.Errorf("%s: %s leads out of it", tarball, head.Name)
		}
		file := filepath.Join(folder, head.Name)
		text, err := io.ReadAll(r)
		if err := errors.Join(err, os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, text, 0o644)); err != nil {
			return err
		}
	}
}

// writeSums writes SHA256SUMS of all artefacts, for sha256sum -c.
func writeSums(dist string) error {
	var sums strings.Builder
	for _, pattern := range []string{"*.deb", "*.rpm", "*.tar.gz"} {
		found, err := filepath.Glob(filepath.Join(dist, pattern)) // sorted
		if err != nil {
			return err
		}
		for _, file := range found {
			text, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(text), filepath.Base(file))
		}
	}
	fmt.Print(sums.String())
	return os.WriteFile(filepath.Join(dist, "SHA256SUMS"), []byte(sums.String()), 0o644)
}

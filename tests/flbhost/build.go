package flbhost

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
)

// The C sources live in a folder of their own: a Go package without cgo that
// holds .c files does not build.
//
//go:embed host
var hostSources embed.FS

// Build writes the C sources into dir, which must exist, compiles them there
// and returns the path of the program, which needs the library beside it. The
// compiler is $CC, else cc.
func Build(ctx context.Context, dir string) (string, error) {
	return build(ctx, compiler(), dir)
}

// BuildWith is Build with the compiler cc, one for another processor, and more flags for
// it: Options.Wrapper then runs the program.
func BuildWith(ctx context.Context, cc, dir string, flags ...string) (string, error) {
	return build(ctx, cc, dir, flags...)
}

func build(ctx context.Context, cc, dir string, flags ...string) (string, error) {
	if err := os.CopyFS(dir, hostSources); err != nil {
		return "", fmt.Errorf("write flbhost sources: %w", err)
	}
	sources, err := fs.Glob(hostSources, "host/*.c")
	if err != nil {
		return "", fmt.Errorf("list flbhost sources: %w", err)
	}
	bin := filepath.Join(dir, "flbhost")
	args := slices.Concat(
		[]string{"-std=gnu11", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-pthread"},
		flags, sources, []string{"-o", bin, "-ldl"},
	)
	library := []string{"-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "host/append/append.c", "-o", filepath.Join(dir, "append.so")}
	for _, args := range [][]string{args, library} {
		if err := compile(ctx, cc, dir, args); err != nil {
			return "", fmt.Errorf("build flbhost: %w", err)
		}
	}
	return bin, nil
}

func compiler() string {
	if cc := os.Getenv("CC"); cc != "" {
		return cc
	}
	return "cc"
}

func compile(ctx context.Context, cc, dir string, args []string) error {
	cmd := exec.CommandContext(ctx, cc, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", cc, err, out)
	}
	return nil
}

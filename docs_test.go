package rules_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// DESIGN.md names its steps `file.go:func`: what has moved or is gone has to be told there.
func TestDesignNamesWhatExists(t *testing.T) {
	design, err := os.ReadFile("DESIGN.md")
	require.NoError(t, err)
	steps := regexp.MustCompile("`([\\w/]+\\.(?:go|c)):(\\w+)`").FindAllStringSubmatch(string(design), -1)
	require.Greater(t, len(steps), 20)
	sources := files(t, ".go", ".c")
	for _, step := range steps {
		declared := regexp.MustCompile(`(?m)^(func (\([^)]*\) )?|type |int |void )` + step[2] + `\b`)
		require.True(t, slices.ContainsFunc(sources, func(file string) bool {
			if !strings.HasSuffix("/"+file, "/"+step[1]) {
				return false
			}
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			return declared.Match(text)
		}), "DESIGN.md names %s:%s", step[1], step[2])
	}
}

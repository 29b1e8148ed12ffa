package rules_test

import (
	"os"
	"path/filepath"
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

// Every link from one page of the repository to another leads somewhere, its heading too.
func TestLinksLeadSomewhere(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	for _, page := range files(t, ".md") {
		for _, m := range link.FindAllStringSubmatch(prose(t, page), -1) {
			file, heading, _ := strings.Cut(m[1], "#")
			if strings.Contains(m[1], "://") {
				continue
			}
			target := filepath.Join(filepath.Dir(page), file)
			if file == "" {
				target = page
			}
			_, err := os.Stat(target)
			require.NoError(t, err, "%s links to %s", page, m[1])
			if heading != "" {
				require.Contains(t, headings(t, target), heading, "%s links to %s", page, m[1])
			}
		}
	}
}

// headings are the anchors that GitHub makes of a page's headings.
func headings(t *testing.T, page string) []string {
	t.Helper()
	var anchors []string
	for _, m := range regexp.MustCompile(`(?m)^#+ (.+)$`).FindAllStringSubmatch(prose(t, page), -1) {
		kept := regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(strings.ToLower(m[1]), "")
		anchors = append(anchors, strings.ReplaceAll(kept, " ", "-"))
	}
	return anchors
}

// prose is a page without its blocks of code.
func prose(t *testing.T, page string) string {
	t.Helper()
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	return regexp.MustCompile("(?ms)^ *```.*?^ *```$").ReplaceAllString(string(text), "")
}

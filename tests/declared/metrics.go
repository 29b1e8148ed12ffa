package declared

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/shared/metric"
)

const tableHeader = "| metric | labels | meaning |\n| --- | --- | --- |\n"

// Metrics requires that the table of metrics in a README has a row for each
// family of set, in the order of the declarations, with its labels and its help
// text, and no other row. The README may set names in a code font.
func Metrics(t *testing.T, readme string, set *metric.Set) {
	t.Helper()
	page, err := os.ReadFile(readme)
	require.NoError(t, err)
	_, table, ok := strings.Cut(string(page), tableHeader)
	require.True(t, ok, "%s has no table of metrics", readme)
	table, _, _ = strings.Cut(table, "\n\n")

	var want []string
	for _, f := range set.Families() {
		labels := strings.Join(f.Labels, ", ")
		if labels == "" {
			labels = "-"
		}
		want = append(want, "| "+f.Name+" | "+labels+" | "+f.Help+" |")
	}
	got := strings.Split(strings.TrimSpace(strings.ReplaceAll(table, "`", "")), "\n")
	require.Equal(t, want, got, "the table of metrics in %s", readme)
}

// Counted requires that a README says how many families set has, as in "19 for the
// output".
func Counted(t *testing.T, readme, what string, set *metric.Set) {
	t.Helper()
	page, err := os.ReadFile(readme)
	require.NoError(t, err)
	require.Contains(t, string(page), fmt.Sprintf(" %d %s", len(set.Families()), what), readme)
}

// Named requires that every metric in a file, or in the files of a folder, is one of set if
// its name begins with prefix (such as fluentbit_output_sls_). The names are those that
// Prometheus sees.
func Named(t *testing.T, path, prefix string, set *metric.Set) {
	t.Helper()
	exposed := map[string]bool{}
	for _, f := range set.Families() {
		suffixes := []string{""}
		if f.Kind == metric.KindHistogram {
			suffixes = []string{"_bucket", "_sum", "_count"}
		}
		for _, suffix := range suffixes {
			exposed[prefix+f.Name+suffix] = true
		}
	}
	name, named := regexp.MustCompile(prefix+`[a-zA-Z0-9_]+`), 0
	require.NoError(t, filepath.WalkDir(path, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(file)
		for _, found := range name.FindAllString(string(text), -1) {
			require.True(t, exposed[found], "%s names %s, which is not declared", file, found)
			named++
		}
		return err
	}))
	require.Positive(t, named, "%s names no metric that begins with %s", path, prefix)
}

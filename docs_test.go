package rules_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"
)

// What a page names exists: a name of several words in a code font is an option, a metric,
// or a name that others gave.
func TestPagesNameWhatExists(t *testing.T) {
	known := names(t)
	code := regexp.MustCompile("`([^`\n]+)`")
	word := regexp.MustCompile(`^(fluentbit_(?:out|in)put_sls_)?([a-z][a-z0-9]*(?:_[a-z0-9]+)+)(?:$|[ :{=])`)
	checked := 0
	for _, page := range files(t, ".md") {
		if strings.HasPrefix(page, "tests/") || page == "DESIGN.md" || page == "CHANGELOG.md" {
			continue // they speak of code, of the emulator's parameters, and of what was
		}
		for _, m := range code.FindAllStringSubmatch(prose(t, page), -1) {
			if w := word.FindStringSubmatch(m[1]); w != nil {
				require.True(t, known[w[2]], "%s names `%s`, which is no option and no metric", page, m[1])
				checked++
			}
		}
	}
	require.Greater(t, checked, 300)
}

// names are what the tables of the plugins' pages hold, which are made of the declarations:
// options, other names for them, metrics. With them are foreignNames.
func names(t *testing.T) map[string]bool {
	t.Helper()
	known := map[string]bool{}
	for _, name := range foreignNames {
		known[name] = true
	}
	name := regexp.MustCompile("`([a-z][a-z0-9_.]*)`")
	for _, plugin := range []string{"out_sls", "in_sls"} {
		known[plugin] = true
		page := prose(t, plugin+"/README.md")
		for _, table := range regexp.MustCompile(`(?m)^\|.*\n(?:\|.*\n)+`).FindAllString(page, -1) {
			head, rows, _ := strings.Cut(table, "\n")
			for row := range strings.Lines(rows) {
				cells := strings.Split(strings.ReplaceAll(row, `\|`, ""), "|")
				for _, n := range name.FindAllStringSubmatch(cells[1], -1) {
					known[n[1]] = known[n[1]] || strings.HasPrefix(head, "| Option |") ||
						strings.HasPrefix(head, "| Typed |") || strings.HasPrefix(head, "| metric |")
				}
			}
		}
	}
	return known
}

// foreignNames are names in the pages that the plugins did not give.
var foreignNames = []string{
	"flb_input_log_append", // of Fluent Bit
	// Fluent Bit's options, and those of its plugins and filters
	"dns_retries", "dns_wait_time", "emitter_name", "exclude_path", "flush_ms", "hot_reload",
	"http_port", "http_server", "id_key", "mem_buf_limit", "plugins_file", "read_from_head", "retry_limit",
	// plugins, functions, and Prometheus's setting
	"aliyun_sls", "flb_upstream_conn_timeouts", "kinesis_streams", "rewrite_tag", "rule_files",
	// values of options and labels, and keys of records
	"assume_role", "audit_error", "dead_letter", "ecs_ram_role", "epoch_ms", "lease_lost", "span_id", "trace_id",
}

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

// A page has no heading twice: a link to it would lead to the first.
func TestHeadingsAreUnique(t *testing.T) {
	for _, page := range files(t, ".md") {
		seen := map[string]bool{}
		for _, heading := range headings(t, page) {
			require.False(t, seen[heading], "%s has two headings %q", page, heading)
			seen[heading] = true
		}
	}
}

// CONTRIBUTING.md names the files where something is added.
func TestContributingNamesWhatExists(t *testing.T) {
	named := regexp.MustCompile("`([a-z_]+/[\\w/]+\\.go)`").FindAllStringSubmatch(prose(t, "CONTRIBUTING.md"), -1)
	require.Greater(t, len(named), 15)
	for _, m := range named {
		_, err := os.Stat(m[1])
		require.NoError(t, err, "CONTRIBUTING.md names %s", m[1])
	}
}

// What the pages show as YAML can be read, and a section named sls has only options that
// exist, or Fluent Bit's.
func TestExamplesCanBeRead(t *testing.T) {
	known, read := names(t), 0
	for _, page := range files(t, ".md") {
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		for _, block := range regexp.MustCompile("(?ms)^( *)```yaml\n(.*?)^ *```$").FindAllStringSubmatch(string(text), -1) {
			var value any
			require.NoError(t, yaml.Unmarshal([]byte(block[2]), &value), "%s:\n%s", page, block[2])
			sections(value, func(section map[string]any) {
				read++
				for key := range section {
					require.True(t, known[key] || slices.Contains(engineOptions, key), "%s: %q in\n%s", page, key, block[2])
				}
			})
		}
	}
	require.GreaterOrEqual(t, read, 10)
}

// engineOptions are Fluent Bit's own options of a section.
var engineOptions = []string{"name", "alias", "match", "tag", "workers", "retry_limit", "mem_buf_limit", "storage.type", "storage.total_limit_size"}

// sections calls found with each section of a plugin of ours in what was read from YAML: one
// named sls.
func sections(value any, found func(map[string]any)) {
	switch v := value.(type) {
	case []any:
		for _, item := range v {
			sections(item, found)
		}
	case map[string]any:
		if v["name"] == "sls" {
			found(v)
		}
		for _, item := range v {
			sections(item, found)
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

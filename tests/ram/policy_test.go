package ram

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const folder = "../../conf/ram"

// policy is a RAM policy, of permissions or of trust.
type policy struct {
	Version   string
	Statement []statement
}

type statement struct {
	Effect    string
	Action    oneOrMore
	Resource  oneOrMore                    `json:",omitempty"`
	Principal map[string]oneOrMore         `json:",omitempty"`
	Condition map[string]map[string]string `json:",omitempty"`
}

// oneOrMore is a string or a list of strings: RAM takes both.
type oneOrMore []string

// UnmarshalJSON implements json.Unmarshaler.
func (o *oneOrMore) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*o = oneOrMore{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(o))
}

// read decodes conf/ram/NAME.json, refusing what it does not know.
func read(t *testing.T, name string) policy {
	t.Helper()
	var p policy
	d := json.NewDecoder(strings.NewReader(text(t, folder, name+".json")))
	d.DisallowUnknownFields()
	require.NoError(t, d.Decode(&p), name)
	return p
}

// names are the policies there are.
func names(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*.json"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for i, f := range files {
		files[i] = strings.TrimSuffix(filepath.Base(f), ".json")
	}
	return files
}

// actions are those that the policy names, sorted.
func (p policy) actions() []string {
	set := map[string]bool{}
	for _, s := range p.Statement {
		for _, a := range s.Action {
			set[a] = true
		}
	}
	return slices.Sorted(maps.Keys(set))
}

// allows reports whether a statement covers the action on the resource, as RAM
// decides it: `*` stands for any text.
func (p policy) allows(action, resource string) bool {
	for _, s := range p.Statement {
		if s.Effect == "Allow" && slices.Contains(s.Action, action) &&
			slices.ContainsFunc(s.Resource, func(pattern string) bool { return matches(pattern, resource) }) {
			return true
		}
	}
	return false
}

func matches(pattern, resource string) bool {
	parts := strings.Split(pattern, "*")
	for i := range parts {
		parts[i] = regexp.QuoteMeta(parts[i])
	}
	return regexp.MustCompile("^" + strings.Join(parts, ".*") + "$").MatchString(resource)
}

// with replaces names in capitals, given as "NAME", "value" pairs.
func (p policy) with(pairs ...string) policy {
	replace := strings.NewReplacer(pairs...)
	out := policy{Version: p.Version}
	for _, s := range p.Statement {
		s.Resource = slices.Clone(s.Resource)
		for i, r := range s.Resource {
			s.Resource[i] = replace.Replace(r)
		}
		out.Statement = append(out.Statement, s)
	}
	return out
}

func TestPoliciesAreWellFormed(t *testing.T) {
	resource := regexp.MustCompile(`^acs:(log:\*:\*:project/[A-Z_]+/logstore/([A-Z_]+|PREFIX\*|\*)(/consumergroup/(GROUP|\*))?|ram::ACCOUNT:role/ROLE)$`)
	for _, name := range names(t) {
		p := read(t, name)
		require.Equal(t, "1", p.Version, name)
		trust := strings.HasPrefix(name, "trust-")
		for _, s := range p.Statement {
			require.Equal(t, "Allow", s.Effect, name)
			require.NotEmpty(t, s.Action, name)
			require.Equal(t, trust, len(s.Principal) == 1, "%s: a trust policy has a principal", name)
			require.Equal(t, !trust, len(s.Resource) == 1, "%s: a policy of permissions has a resource", name)
			for _, a := range s.Action {
				require.Regexp(t, `^(log|sts):[A-Za-z]+$`, a, "%s: each action by its name", name)
			}
			for _, r := range s.Resource {
				require.Regexp(t, resource, r, name)
			}
		}
	}
}

func TestBothIsInputAndOutput(t *testing.T) {
	want := append(read(t, "input").Statement, read(t, "output").Statement...)
	require.Equal(t, want, read(t, "both").with("TARGET_", "").Statement)
}

// text is a file's.
func text(t *testing.T, path ...string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(path...))
	require.NoError(t, err)
	return string(raw)
}

// rows are the cells of the table in a page whose header begins with the given
// cells.
func rows(t *testing.T, page string, header ...string) [][]string {
	t.Helper()
	_, table, ok := strings.Cut(page, "| "+strings.Join(header, " | ")+" |\n")
	require.True(t, ok, "no table with %v", header)
	table, _, _ = strings.Cut(table, "\n\n")
	var out [][]string
	for line := range strings.Lines(table) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		if !strings.HasPrefix(cells[0], "---") {
			out = append(out, cells)
		}
	}
	return out
}

var code = regexp.MustCompile("`([^`]+)`")

// quoted are the texts between backquotes.
func quoted(s string) []string {
	var out []string
	for _, m := range code.FindAllStringSubmatch(s, -1) {
		out = append(out, m[1])
	}
	return out
}

func TestEveryActionIsExplained(t *testing.T) {
	readme := text(t, folder, "README.md")
	var files []string
	for _, row := range rows(t, readme, "file", "is for") {
		files = append(files, strings.TrimSuffix(quoted(row[0])[0], ".json"))
	}
	require.ElementsMatch(t, names(t), files, "the files that README.md lists")

	in := map[string][]string{} // action -> policies, as the files have it
	for _, name := range files {
		if strings.HasPrefix(name, "trust-") {
			continue // its action is the trust itself
		}
		for _, a := range read(t, name).actions() {
			in[a] = append(in[a], name)
		}
	}
	explained := map[string][]string{}
	for _, row := range rows(t, readme, "action", "on", "in", "why", "without it") {
		require.Len(t, row, 5, row)
		explained[quoted(row[0])[0]] = quoted(row[2])
		for _, cell := range row {
			require.NotEmpty(t, cell, row)
		}
	}
	require.Equal(t, slices.Sorted(maps.Keys(in)), slices.Sorted(maps.Keys(explained)))
	for a := range in {
		require.ElementsMatch(t, in[a], explained[a], "the policies with %s", a)
	}
}

// The plugins' own pages name the same actions.
func TestPluginPagesNameTheActions(t *testing.T) {
	for page, policies := range map[string][]string{
		"out_sls": {"output"}, "in_sls": {"input", "input-pattern", "input-without-group"},
	} {
		_, section, ok := strings.Cut(text(t, "../..", page, "README.md"), "\n## Permissions\n")
		require.True(t, ok, page)
		section, _, _ = strings.Cut(section, "\n## ")
		named, granted := map[string]bool{}, map[string]bool{}
		for _, q := range quoted(section) {
			if strings.HasPrefix(q, "log:") {
				named[q] = true
			}
		}
		for _, name := range policies {
			for _, a := range read(t, name).actions() {
				granted[a] = true
			}
			require.Contains(t, section, name+".json", page)
		}
		require.Equal(t, granted, named, page)
	}
}

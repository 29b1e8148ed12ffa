package conf

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/shared/option"
)

const inYAML = `
plugins:
  - /opt/sls/out_sls.so
service:
  flush: 1
parsers:
  - name: One
    format: json
pipeline:
  inputs:
    - name: tail
      Path: /a/*.log
  filters:
    - name: grep
      match: '*'
      exclude:
        - a ^x$
        - b ^y$
  outputs:
    - name: sls
      match: '*'
      endpoint: ${SLS_ENDPOINT}
`

const inClassic = `# head
[PLUGINS]
    Path /opt/sls/out_sls.so
[SERVICE]
    flush 1
[PARSER]
    Name   One
    Format json
[INPUT]
    Name tail
    Path /a/*.log
[FILTER]
    Name    grep
    # a comment
    Match   *
    Exclude a ^x$
    Exclude b ^y$
[OUTPUT]
    Name     sls
	Match	*
    endpoint ${SLS_ENDPOINT}
`

func sections(file string) []Section {
	return []Section{
		{file, Plugins, "", []Property{{"path", "/opt/sls/out_sls.so"}}},
		{file, Service, "", []Property{{"flush", "1"}}},
		{file, Parser, "one", []Property{{"format", "json"}}},
		{file, Input, "tail", []Property{{"path", "/a/*.log"}}},
		{file, Filter, "grep", []Property{{"match", "*"}, {"exclude", "a ^x$"}, {"exclude", "b ^y$"}}},
		{file, Output, "sls", []Property{{"match", "*"}, {"endpoint", "${SLS_ENDPOINT}"}}},
	}
}

func TestBothFormsReadTheSame(t *testing.T) {
	got, err := parseDocuments("a", []byte(inYAML))
	require.NoError(t, err)
	require.Equal(t, sections("a"), got)
	got, err = parseClassic("a", inClassic)
	require.NoError(t, err)
	require.Equal(t, sections("a"), got)
}

func TestConfigurationsWithinYAMLAreFound(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		file := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o750))
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	}
	write("a.yaml", inYAML)
	write("b/map.yaml", "kind: Namespace\n---\nkind: ConfigMap\ndata:\n  fluent-bit.yaml: |\n"+indent(inYAML)+"  x: y\n")
	write("c/values.yaml", "service:\n  port: 1\nconfig:\n  inputs: |\n"+indent(inClassic)+"list: [1, '[x]']\n")
	write("d.conf", inClassic)
	write("e.lua", "[nothing]")
	got, err := Walk(dir)
	require.NoError(t, err)
	want := sections("a.yaml")
	want = append(want, sections("b/map.yaml data.fluent-bit.yaml")...)
	want = append(want, sections("c/values.yaml config.inputs")...)
	want = append(want, sections("d.conf")...)
	require.Equal(t, want, got)
}

func indent(text string) (out string) {
	for line := range strings.Lines(text) {
		out += "    " + line
	}
	return out
}

func TestWhatIsNotUnderstoodIsAnError(t *testing.T) {
	for text, problem := range map[string]string{
		"pipeline:\n  input: []\n":                            "a:2: pipeline.input is not understood",
		"pipeline: {}\npipelines: {}\n":                       "a:2: pipelines is not understood",
		"pipeline:\n  inputs:\n    - tag: x\n":                "a: an input without a name",
		"pipeline:\n  inputs:\n    - {name: x, A: 1, a: 2}\n": "a:3: a twice",
		"pipeline:\n  inputs:\n    - {name: x, a: {b: 1}}\n":  "a:3: the value of a is not understood",
		"pipeline:\n  inputs:\n    - name:\n":                 "a: an input without a name",
		"pipeline:\n  inputs: x\n":                            "a:2: pipeline.inputs is not understood",
		"pipeline: [\n":                                       "a: yaml: ",
	} {
		_, err := parseDocuments("a", []byte(text))
		require.ErrorContains(t, err, problem)
	}
	for text, problem := range map[string]string{
		"[INPUTS]\n":            `a:1: "[INPUTS]" is not understood`,
		"name tail\n":           `a:1: "name tail" is not understood`,
		"[INPUT]\n@INCLUDE x\n": `a:2: "@INCLUDE x" is not understood`,
		"[INPUT]\nname\n":       `a:2: "name" is not understood`,
		"[INPUT]\ntag x\n":      "a: an input without a name",
		"[PARSER]\nname\t\n":    `a:2: "name" is not understood`,
	} {
		_, err := parseClassic("a", text)
		require.ErrorContains(t, err, problem)
	}
}

func TestUnknownOptions(t *testing.T) {
	var s string
	opts := []option.Option{{Name: "endpoint", Dst: &s}}
	section := Section{File: "f", Properties: []Property{
		{"endpoint", "${SLS_ENDPOINT},x"}, {"match", "*"}, {"endpoints", "x"}, {"match", "a"},
	}}
	require.Equal(t, []string{"f: no option endpoints", "f: match twice"}, section.Unknown(option.Output, opts))
	require.Equal(t, option.Map{"endpoint": "cn-hangzhou.log.aliyuncs.com,x", "match": "*", "endpoints": "x"}, section.Map())
}

func FuzzRead(f *testing.F) {
	f.Add(inYAML)
	f.Add(inClassic)
	f.Add("a: |\n" + indent(inClassic))
	f.Fuzz(func(t *testing.T, text string) {
		for _, read := range []func() ([]Section, error){
			func() ([]Section, error) { return parseDocuments("f", []byte(text)) },
			func() ([]Section, error) { return parseClassic("f", text) },
		} {
			found, err := read()
			for _, s := range found {
				named := s.Kind != Service && s.Kind != Plugins
				require.True(t, err != nil || s.Name != "" || !named, "%+v", s)
			}
		}
	})
}

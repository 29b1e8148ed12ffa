package conf

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const dir = "../../conf"

func all(t *testing.T) []Section {
	t.Helper()
	found, err := Walk(dir)
	require.NoError(t, err)
	return found
}

// files returns the configurations that are files of their own, by name.
func files(t *testing.T, pattern string) map[string]string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, pattern))
	require.NoError(t, err)
	texts := map[string]string{}
	for _, file := range names {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		texts[filepath.Base(file)] = string(text)
	}
	require.NotEmpty(t, texts)
	return texts
}

func TestEveryConfigurationIsThere(t *testing.T) {
	have := files(t, "*.yaml")
	for _, name := range []string{
		"ship-files", "ship-kubernetes", "ship-opentelemetry", "ship-systemd", "ship-many-logstores",
		"consume-to-file", "consume-many-logstores", "consume-to-elasticsearch", "consume-to-kafka", "replicate-logstore",
		"clean-and-route", "archive-to-oss-csv", "backfill-range",
	} {
		require.Contains(t, have, name+".yaml")
	}
	readme, err := os.ReadFile(filepath.Join(dir, "README.md"))
	require.NoError(t, err)
	for name := range have {
		require.Contains(t, string(readme), "]("+name+")")
	}
	for name := range files(t, "*.conf") {
		require.Contains(t, string(readme), "]("+name+")")
	}
}

// A header says what the configuration is for, what to change, what environment it needs
// and how to run it.
func TestHeaders(t *testing.T) {
	for _, pattern := range []string{"*.yaml", "*.conf"} {
		for name, text := range files(t, pattern) {
			head, _, _ := strings.Cut(text, "\n\n")
			purpose := strings.TrimSuffix(name, filepath.Ext(name))
			require.True(t, strings.HasPrefix(head, "# "+purpose+": "), name)
			for line := range strings.SplitSeq(head, "\n") {
				require.True(t, strings.HasPrefix(line, "#"), "%s: %q", name, line)
				require.LessOrEqual(t, len(line), 100, "%s: %q", name, line)
			}
			for _, part := range []string{"\n# Change:\n", "\n# Environment:\n", "\n# Run:\n#   fluent-bit ", " -c conf/" + name} {
				require.Contains(t, head, part, name)
			}
			for _, v := range Variables(text) {
				require.Regexp(t, `\b`+v+`\b`, head, "%s: the header does not tell of %s", name, v)
			}
		}
	}
}

// The classic form of a configuration says the same as the YAML. External plugins are
// loaded on its command line: Fluent Bit 3.2 to 5.1 takes the word Path for the path in a
// [PLUGINS] section of the main file (fluent-bit issue 9729).
func TestClassicFormsAreTheSame(t *testing.T) {
	forms := map[string][]Section{}
	plugins := map[string]string{}
	for _, s := range all(t) {
		name := s.File
		s.File = ""
		if s.Kind == Plugins {
			require.Equal(t, ".yaml", filepath.Ext(name))
			for _, p := range s.Properties {
				plugins[name] += " -e " + p.Value
			}
			continue
		}
		forms[name] = append(forms[name], s)
	}
	for name, text := range files(t, "*.conf") {
		twin := strings.TrimSuffix(name, ".conf") + ".yaml"
		require.Equal(t, forms[twin], forms[name], name)
		require.Contains(t, text, "\n#   fluent-bit"+plugins[twin]+" -c conf/"+name)
	}
}

var secret = regexp.MustCompile(`secret|passw|token$|access_key|api_key|user(name)?$|sasl`)

func TestSecretsComeFromTheEnvironment(t *testing.T) {
	found := 0
	for _, s := range all(t) {
		for _, p := range s.Properties {
			if secret.MatchString(p.Key) {
				require.Regexp(t, `^\$\{\w+\}$`, p.Value, "%s: %s", s.File, p.Key)
				found++
			}
		}
	}
	require.NotZero(t, found)
}

// Where Fluent Bit lacks a plugin of these the tests under it only say so: a name that is
// wrong would be taken for one that it lacks.
func TestPluginsAreThoseOfTheOfficialImages(t *testing.T) {
	official := []string{
		"input sls", "input tail", "input opentelemetry", "input systemd",
		"filter kubernetes", "filter grep", "filter lua", "filter modify", "filter rewrite_tag",
		"output sls", "output file", "output es", "output kafka", "output s3",
	}
	for _, s := range all(t) {
		if s.Kind == Input || s.Kind == Filter || s.Kind == Output {
			require.Contains(t, official, s.Kind+" "+s.Name, s.File)
		}
	}
}

// Metrics and log lines name a section by its alias: without one it is sls.0.
func TestSectionsHaveAnAlias(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range all(t) {
		if s.Name != "sls" {
			continue
		}
		alias := s.Map()["alias"]
		require.NotEmpty(t, alias, "%s: %s", s.File, s.Kind)
		require.False(t, seen[s.File+alias], "%s: two sections %s", s.File, alias)
		seen[s.File+alias] = true
	}
	require.NotEmpty(t, seen)
}

// A reload leaves threads and files behind beside workers, and daemon mode is refused:
// neither is set, here or in what Kubernetes or Helm start.
func TestNoReloadAndNoDaemon(t *testing.T) {
	for _, s := range all(t) {
		if s.Kind == Service {
			require.NotContains(t, s.Map(), "hot_reload", s.File)
			require.NotContains(t, s.Map(), "daemon", s.File)
		}
	}
	for name, text := range files(t, "*.yaml") {
		require.NotRegexp(t, `(?i)hot.?reload|--daemon|"-[dY]"|- -[dY]$`, text, name)
	}
}

// What the README of the plugins asks of the engine's own settings.
func TestSettingsOfTheEngine(t *testing.T) {
	services := map[string]Section{}
	onDisk := map[string]bool{} // files with filesystem storage
	for _, s := range all(t) {
		if s.Kind == Service {
			services[s.File] = s
		}
		onDisk[s.File] = onDisk[s.File] || s.Map()["storage.type"] == "filesystem"
	}
	for _, s := range all(t) {
		m := s.Map()
		if s.Kind == Output && s.Name == "sls" {
			require.NotEmpty(t, m["workers"], s.File)
			require.True(t, !onDisk[s.File] || m["state_path"] != "", "%s: what is delivered of chunks on disk is remembered on disk", s.File)
		}
		unlimited := "no_limits"
		if s.Name == "s3" {
			unlimited = "100000" // it takes no_limits for 5
		}
		if s.Kind == Output {
			require.Equal(t, unlimited, m["retry_limit"], "%s: %s", s.File, s.Name)
		}
		if service, whole := services[s.File]; whole && s.Kind == Input && s.Name == "sls" {
			if m["checkpoint"] == "delivered" {
				require.Equal(t, "on", service.Map()["http_server"], s.File)
				require.Equal(t, "on", service.Map()["storage.metrics"], s.File)
				require.NotEmpty(t, m["mem_buf_limit"], "%s: memory storage needs a limit", s.File)
			} else {
				require.Equal(t, "filesystem", m["storage.type"], s.File)
			}
		}
		if m["storage.type"] == "filesystem" {
			if service, whole := services[s.File]; whole {
				require.NotEmpty(t, service.Map()["storage.path"], s.File)
			}
		}
	}
}

package kubernetes

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/stretchr/testify/require"
)

func stages(t *testing.T) (map[string]instructions.Stage, []instructions.ArgCommand) {
	t.Helper()
	file, err := os.Open(filepath.Join(root, "Dockerfile"))
	require.NoError(t, err)
	defer file.Close()
	parsed, err := parser.Parse(file)
	require.NoError(t, err)
	require.Empty(t, parsed.Warnings)
	list, args, err := instructions.Parse(parsed.AST, nil)
	require.NoError(t, err)
	all := map[string]instructions.Stage{}
	for _, s := range list {
		all[s.Name] = s
	}
	return all, args
}

// only returns the stage's commands of one kind.
func only[C instructions.Command](s instructions.Stage) (found []C) {
	for _, command := range s.Commands {
		if c, ok := command.(C); ok {
			found = append(found, c)
		}
	}
	return found
}

func TestDockerfileTargets(t *testing.T) {
	all, args := stages(t)
	require.Len(t, all, 5)
	require.Equal(t, "build", all["build-slsfake"].BaseName)
	require.Equal(t, "scratch", all["slsfake"].BaseName)
	require.EqualValues(t, []string{"/slsfake"}, only[*instructions.EntrypointCommand](all["slsfake"])[0].CmdLine)
	require.Equal(t, "${GOLANG}", all["build"].BaseName)
	require.Equal(t, "scratch", all["plugins"].BaseName)
	require.Equal(t, "${FLUENT_BIT}", all["agent"].BaseName)
	bases := map[string]string{}
	for _, arg := range args {
		for _, a := range arg.Args {
			bases[a.Key] = *a.Value
			require.Regexp(t, `^[a-z/-]+:[a-z0-9.-]+@sha256:[0-9a-f]{64}$`, *a.Value, a.Key)
		}
	}
	require.Len(t, bases, 2)
	require.EqualValues(t, []string{"/install"}, only[*instructions.EntrypointCommand](all["plugins"])[0].CmdLine)
	require.Equal(t, []string{"/image"}, only[*instructions.CopyCommand](all["plugins"])[0].SourcePaths)

	// Both the image and the pods have the plugins where the configurations load
	// them from.
	copied := only[*instructions.CopyCommand](all["agent"])
	require.Equal(t, []string{"/image/plugins"}, copied[0].SourcePaths)
	require.Equal(t, "/opt/sls", copied[0].DestPath)
	require.Equal(t, []string{"conf/*.yaml"}, copied[1].SourcePaths)
	require.Equal(t, "/opt/sls/conf/", copied[1].DestPath)
	require.Empty(t, only[*instructions.EntrypointCommand](all["agent"]), "the official image's")
	require.Empty(t, only[*instructions.CmdCommand](all["agent"]), "the official image's, whose file is there")
	for _, name := range []string{"plugins", "agent", "slsfake"} {
		require.Equal(t, "65532:65532", only[*instructions.UserCommand](all[name])[0].User, name)
		labels := map[string]string{}
		for _, l := range only[*instructions.LabelCommand](all[name])[0].Labels {
			labels[strings.TrimPrefix(l.Key, "org.opencontainers.image.")] = strings.Trim(l.Value, `"`)
		}
		require.Equal(t, "Apache-2.0", labels["licenses"], name)
		require.Equal(t, "$VERSION", labels["version"], name)
		require.NotEmpty(t, labels["title"], name)
		require.NotEmpty(t, labels["description"], name)

		// What the licences of others ask for, and the list of parts.
		copied := only[*instructions.CopyCommand](all[name])
		require.Equal(t, []string{"LICENSE", "THIRD_PARTY_NOTICES", "sbom.cdx.json"}, copied[len(copied)-1].SourcePaths, name)
	}

	// The same Fluent Bit in all of them.
	official, _, _ := strings.Cut(bases["FLUENT_BIT"], "@")
	official = "cr.fluentbit.io/" + official
	for _, base := range []string{"agent", "consumer"} {
		objects := build(t, filepath.Join(root, "conf/kubernetes", base))
		for _, set := range objects.daemonSets {
			require.Equal(t, official, set.Spec.Template.Spec.Containers[0].Image)
		}
		for _, deploy := range objects.deploys {
			require.Equal(t, official, deploy.Spec.Template.Spec.Containers[0].Image)
		}
	}
}

// Everything that is copied from the project is there, and .dockerignore lets it through.
func TestDockerfileContext(t *testing.T) {
	all, _ := stages(t)
	text, err := os.ReadFile(filepath.Join(root, ".dockerignore"))
	require.NoError(t, err)
	allowed := map[string]bool{}
	for _, line := range regexp.MustCompile(`(?m)^!(.+)$`).FindAllStringSubmatch(string(text), -1) {
		allowed[line[1]] = true
	}
	copied := map[string]bool{}
	for _, s := range all {
		for _, c := range only[*instructions.CopyCommand](s) {
			for _, source := range c.SourcePaths {
				if c.From == "" {
					found, err := filepath.Glob(filepath.Join(root, source))
					require.NoError(t, err)
					require.NotEmpty(t, found, source)
					copied[source] = true
				}
			}
		}
	}
	require.Equal(t, allowed, copied)
}

// A stage that builds has copied every folder of the project that its programs are made of.
func TestDockerfileCopiesWhatItBuilds(t *testing.T) {
	all, _ := stages(t)
	module, err := filepath.Abs(root)
	require.NoError(t, err)
	copied := map[string]bool{}
	for _, c := range []struct {
		stage    string
		packages []string
	}{
		{"build", []string{"./out_sls", "./in_sls", "./install"}},
		{"build-slsfake", []string{"./tests/slsfake/cmd/slsfake"}}, // FROM build, with what that has
	} {
		for _, command := range only[*instructions.CopyCommand](all[c.stage]) {
			for _, source := range command.SourcePaths {
				copied[source] = true
			}
		}
		cmd := exec.CommandContext(t.Context(), "go", append([]string{"list", "-deps", "-f", "{{with .Module}}{{if .Main}}{{$.Dir}}{{end}}{{end}}"}, c.packages...)...)
		cmd.Dir = root
		out, err := cmd.Output()
		require.NoError(t, err)
		folders := strings.Fields(string(out))
		require.NotEmpty(t, folders)
		for _, folder := range folders {
			inside, err := filepath.Rel(module, folder)
			require.NoError(t, err)
			top, _, _ := strings.Cut(inside, "/")
			require.True(t, copied[top] || copied["tests/slsfake"] && strings.HasPrefix(inside, "tests/slsfake"), "%s needs %s", c.stage, inside)
		}
	}
}

// The images hold the plugins that `make` builds.
func TestDockerfileBuildsAsMakeDoes(t *testing.T) {
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	require.NoError(t, err)
	flags := regexp.MustCompile(`(?m)^FLAGS +:= (.+)$`).FindSubmatch(makefile)
	require.NotNil(t, flags)
	want := strings.NewReplacer("'", `"`, "$(VERSION)", "$VERSION").Replace(string(flags[1]))

	all, _ := stages(t)
	scripts := ""
	for _, run := range only[*instructions.RunCommand](all["build"]) {
		script := strings.Join(run.CmdLine, " ")
		require.NoError(t, exec.CommandContext(t.Context(), "sh", "-n", "-c", script).Run(), script)
		scripts += script
	}
	require.Contains(t, scripts, "CGO_ENABLED=1 go build "+want+" ")
	require.Contains(t, scripts, "CGO_ENABLED=0 go build ")
	oldest := regexp.MustCompile(`(?m)^OLDEST +:= CGO_CFLAGS='(.+)' CGO_LDFLAGS='(.+)'$`).FindSubmatch(makefile)
	require.NotNil(t, oldest)
	require.Contains(t, scripts, `CGO_CFLAGS="`+strings.Replace(string(oldest[1]), "$(CURDIR)", "/src", 1)+`"`)
	require.Contains(t, scripts, `CGO_LDFLAGS="`+string(oldest[2])+`"`)
}

// What is built is kept from one build to the next: where Go looks for it is a cache.
func TestDockerfileKeepsWhatIsBuilt(t *testing.T) {
	all, _ := stages(t)
	env := map[string]string{}
	for _, e := range only[*instructions.EnvCommand](all["build"]) {
		for _, v := range e.Env {
			env[v.Key] = v.Value
		}
	}
	require.True(t, strings.HasPrefix(env["GOCACHE"], "/go/"), "beside the modules")
	for _, stage := range []string{"build", "build-slsfake"} {
		for _, run := range only[*instructions.RunCommand](all[stage]) {
			if !strings.Contains(strings.Join(run.CmdLine, " "), " go build ") {
				continue
			}
			require.NoError(t, run.Expand(func(word string) (string, error) { return word, nil })) // it reads the mounts
			var caches []string
			for _, m := range instructions.GetMounts(run) {
				require.Equal(t, instructions.MountTypeCache, m.Type)
				caches = append(caches, m.Target)
			}
			require.Equal(t, []string{"/go/pkg/mod", env["GOCACHE"]}, caches, stage)
		}
	}
}

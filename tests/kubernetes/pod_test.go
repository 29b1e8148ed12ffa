package kubernetes

import (
	"path"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
)

// requirePod checks what holds for every pod of ours, against the configuration
// that it runs.
func requirePod(t *testing.T, spec corev1.PodSpec, config fluentBit) {
	t.Helper()
	require.Len(t, spec.InitContainers, 1)
	require.Len(t, spec.Containers, 1)
	require.Equal(t, corev1.SeccompProfileTypeRuntimeDefault, spec.SecurityContext.SeccompProfile.Type)
	mounted := map[string]bool{}
	for _, c := range []corev1.Container{spec.InitContainers[0], spec.Containers[0]} {
		requireRestricted(t, c)
		paths := map[string]bool{}
		for _, m := range c.VolumeMounts {
			volume(t, spec, m.Name)
			require.False(t, paths[m.MountPath], "two volumes at %s", m.MountPath)
			mounted[m.Name], paths[m.MountPath] = true, true
		}
	}
	for _, v := range spec.Volumes {
		require.True(t, mounted[v.Name], "volume %s is mounted nowhere", v.Name)
	}
	requirePlugins(t, spec, config)
	requirePaths(t, spec.Containers[0], config)
	requireProbes(t, spec.Containers[0], config)
	config.requireOptions(t)

	// At shutdown the engine waits for two flushes of a worker, one after the
	// other, beside its grace; and for the plugins' own end.
	needs := seconds(t, config.Service["grace"]) + 5*time.Second
	for _, output := range config.Pipeline.Outputs {
		if output["name"] == "sls" {
			needs += 2 * seconds(t, output["flush_timeout"])
		}
	}
	require.Greater(t, time.Duration(*spec.TerminationGracePeriodSeconds)*time.Second, needs)
}

// requireAgentPod checks what holds for the pod on each node besides.
func requireAgentPod(t *testing.T, spec corev1.PodSpec, config fluentBit) {
	t.Helper()
	requirePod(t, spec, config)
	require.Equal(t, []corev1.Toleration{{Operator: corev1.TolerationOpExists}}, spec.Tolerations)
	require.Equal(t, "system-node-critical", spec.PriorityClassName)
	require.Equal(t, "/var/log", volume(t, spec, "logs").HostPath.Path, "the links in containers/ are absolute")
	require.Equal(t, corev1.HostPathDirectoryOrCreate, *volume(t, spec, "state").HostPath.Type)
	require.True(t, mountOf(t, spec.Containers[0], "/var/log/containers").ReadOnly)

	tail := config.section(t, config.Pipeline.Inputs, "tail")
	output := config.section(t, config.Pipeline.Outputs, "sls")
	require.Equal(t, "filesystem", tail["storage.type"])
	require.Equal(t, "no_limits", output["retry_limit"])
	require.Equal(t, "state", mountOf(t, spec.Containers[0], tail["db"]).Name)
	require.Equal(t, "state", mountOf(t, spec.Containers[0], config.Service["storage.path"]).Name)
	requireStartWithoutDNS(t, spec, config.section(t, config.Pipeline.Filters, "kubernetes"))
	chunks := 2_000_000 * number(t, config.Service["storage.max_chunks_up"])
	backlog := size(t, config.Service["storage.backlog.mem_limit"])
	requireMemory(t, spec, chunks+backlog+2*size(t, output["memory_limit"]))
}

// requireStartWithoutDNS: the liveness probe lets the kubernetes filter wait for DNS.
func requireStartWithoutDNS(t *testing.T, spec corev1.PodSpec, filter map[string]any) {
	t.Helper()
	// Two attempts of 5 s for each of the names that the search list of a pod makes of
	// kubernetes.default.svc.
	const resolver = 4 * 2 * 5 * time.Second
	waits := time.Duration(number(t, filter["dns_retries"])) * (seconds(t, filter["dns_wait_time"]) + resolver)
	probe := spec.Containers[0].LivenessProbe
	require.Greater(t, time.Duration(probe.InitialDelaySeconds)*time.Second, waits)
}

func requireRestricted(t *testing.T, c corev1.Container) {
	t.Helper()
	s := c.SecurityContext
	require.NotNil(t, s, c.Name)
	require.True(t, *s.ReadOnlyRootFilesystem, c.Name)
	require.False(t, *s.AllowPrivilegeEscalation, c.Name)
	require.Nil(t, s.Privileged, c.Name)
	require.Equal(t, &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}}, s.Capabilities, c.Name)
	require.False(t, c.Resources.Requests.Cpu().IsZero(), c.Name)
	require.False(t, c.Resources.Requests.Memory().IsZero(), c.Name)
	require.False(t, c.Resources.Limits.Memory().IsZero(), c.Name)
}

// requirePlugins: what the init container writes is what Fluent Bit loads.
func requirePlugins(t *testing.T, spec corev1.PodSpec, config fluentBit) {
	t.Helper()
	install, run := spec.InitContainers[0], spec.Containers[0]
	require.Empty(t, install.Command, "the image's entry point")
	require.Len(t, install.Args, 1)
	written := mountOf(t, install, install.Args[0])
	require.False(t, written.ReadOnly)
	require.NotNil(t, volume(t, spec, written.Name).EmptyDir)
	require.NotEmpty(t, config.Plugins)
	for _, plugin := range config.Plugins {
		require.Equal(t, install.Args[0], path.Dir(plugin))
		read := mountOf(t, run, plugin)
		require.Equal(t, written.Name, read.Name)
		require.True(t, read.ReadOnly)
		require.Contains(t, []string{"out_sls.so", "in_sls.so"}, path.Base(plugin))
	}
}

// requirePaths: what Fluent Bit reads is mounted, and so is, writable, what it
// writes.
func requirePaths(t *testing.T, c corev1.Container, config fluentBit) {
	t.Helper()
	last := c.Args[len(c.Args)-1]
	file := strings.TrimPrefix(last, "--config=")
	require.Equal(t, "/fluent-bit/etc/conf/fluent-bit.yaml", file)
	require.Equal(t, "config", mountOf(t, c, file).Name)
	written := []any{config.Service["storage.path"]}
	for _, section := range append(config.Pipeline.Inputs, config.Pipeline.Outputs...) {
		written = append(written, section["db"], section["dead_letter_file"])
		if section["name"] == "tail" {
			mountOf(t, c, section["path"])
		}
	}
	for _, name := range written {
		if name != nil {
			require.False(t, mountOf(t, c, name).ReadOnly, name)
		}
	}
}

func requireProbes(t *testing.T, c corev1.Container, config fluentBit) {
	t.Helper()
	require.Equal(t, true, config.Service["http_server"])
	require.Equal(t, true, config.Service["health_check"], "else the answer is always ok")
	require.Equal(t, "0.0.0.0", config.Service["http_listen"], "the kubelet is not in the pod")
	require.Equal(t, "/api/v1/health", c.ReadinessProbe.HTTPGet.Path)
	for _, probe := range []*corev1.Probe{c.ReadinessProbe, c.LivenessProbe} {
		require.Equal(t, "http", probe.HTTPGet.Port.StrVal)
	}
	require.Len(t, c.Ports, 1)
	require.Equal(t, "http", c.Ports[0].Name)
	require.EqualValues(t, number(t, config.Service["http_port"]), c.Ports[0].ContainerPort)
}

// requireMemory: the limit holds what the configuration lets Fluent Bit keep, and
// 64 MiB for the rest.
func requireMemory(t *testing.T, spec corev1.PodSpec, kept int64) {
	t.Helper()
	limit := spec.Containers[0].Resources.Limits.Memory()
	require.GreaterOrEqual(t, limit.Value(), kept+64<<20)
}

func volume(t *testing.T, spec corev1.PodSpec, name string) corev1.Volume {
	t.Helper()
	for _, v := range spec.Volumes {
		if v.Name == name {
			return v
		}
	}
	t.Fatalf("there is no volume %s", name)
	return corev1.Volume{}
}

// mountOf returns the innermost mount that holds the file.
func mountOf(t *testing.T, c corev1.Container, file any) corev1.VolumeMount {
	t.Helper()
	name, ok := file.(string)
	require.True(t, ok, "%v", file)
	var found corev1.VolumeMount
	for _, m := range c.VolumeMounts {
		if (name == m.MountPath || strings.HasPrefix(name, m.MountPath+"/")) && len(m.MountPath) > len(found.MountPath) {
			found = m
		}
	}
	require.NotEmpty(t, found.Name, "%s lies on no mount of %s", name, c.Name)
	return found
}

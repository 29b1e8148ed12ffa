package kubernetes

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"text/template"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// chartValues are those values of the chart fluent/fluent-bit 0.58 that ours
// set, with what the chart makes of them. Another key is a mistake: Helm passes
// over what the chart does not know.
type chartValues struct {
	ServiceAccount struct {
		Name        string            `json:"name"`
		Annotations map[string]string `json:"annotations"`
	} `json:"serviceAccount"`
	Plugins struct { // ours: InitContainers reads it
		Image string `json:"image"`
	} `json:"plugins"`
	Image struct {
		Tag string `json:"tag"`
	} `json:"image"`
	Env                           []corev1.EnvVar                `json:"env"`
	EnvFrom                       []corev1.EnvFromSource         `json:"envFrom"`
	InitContainers                string                         `json:"initContainers"` // a template
	Args                          []string                       `json:"args"`
	ExtraVolumes                  []corev1.Volume                `json:"extraVolumes"`
	ExtraVolumeMounts             []corev1.VolumeMount           `json:"extraVolumeMounts"`
	DaemonSetVolumes              []corev1.Volume                `json:"daemonSetVolumes"`
	DaemonSetVolumeMounts         []corev1.VolumeMount           `json:"daemonSetVolumeMounts"`
	PriorityClassName             string                         `json:"priorityClassName"`
	PodSecurityContext            *corev1.PodSecurityContext     `json:"podSecurityContext"`
	SecurityContext               *corev1.SecurityContext        `json:"securityContext"`
	ReadinessProbe                *corev1.Probe                  `json:"readinessProbe"`
	LivenessProbe                 *corev1.Probe                  `json:"livenessProbe"`
	Resources                     corev1.ResourceRequirements    `json:"resources"`
	Tolerations                   []corev1.Toleration            `json:"tolerations"`
	UpdateStrategy                appsv1.DaemonSetUpdateStrategy `json:"updateStrategy"`
	TerminationGracePeriodSeconds *int64                         `json:"terminationGracePeriodSeconds"`
	MetricsPort                   int32                          `json:"metricsPort"`
	Config                        struct {
		ExtraFiles map[string]string `json:"extraFiles"`
	} `json:"config"`
}

// pod is what the chart's templates/_pod.tpl makes of the values.
func (v chartValues) pod(t *testing.T) corev1.PodSpec {
	t.Helper()
	install, err := template.New("").Funcs(template.FuncMap{"required": required}).Parse(v.InitContainers)
	require.NoError(t, err)
	var text bytes.Buffer
	require.NoError(t, install.Execute(&text, map[string]any{"Values": map[string]any{"plugins": map[string]any{"image": v.Plugins.Image}}}))
	config := corev1.Volume{Name: "config"}
	config.ConfigMap = &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: "fluent-bit"}}
	mounts := []corev1.VolumeMount{{Name: "config", MountPath: "/fluent-bit/etc/conf"}}
	mounts = append(append(mounts, v.DaemonSetVolumeMounts...), v.ExtraVolumeMounts...)
	volumes := append(append([]corev1.Volume{config}, v.DaemonSetVolumes...), v.ExtraVolumes...)
	return corev1.PodSpec{
		ServiceAccountName:            v.ServiceAccount.Name,
		PriorityClassName:             v.PriorityClassName,
		SecurityContext:               v.PodSecurityContext,
		TerminationGracePeriodSeconds: v.TerminationGracePeriodSeconds,
		InitContainers:                decode[[]corev1.Container](t, text.Bytes()),
		Containers: []corev1.Container{{
			Name: "fluent-bit", Image: "cr.fluentbit.io/fluent/fluent-bit:" + v.Image.Tag, Args: v.Args, Env: v.Env, EnvFrom: v.EnvFrom,
			SecurityContext: v.SecurityContext, Resources: v.Resources,
			Ports:         []corev1.ContainerPort{{Name: "http", ContainerPort: v.MetricsPort}},
			LivenessProbe: v.LivenessProbe, ReadinessProbe: v.ReadinessProbe, VolumeMounts: mounts,
		}},
		Volumes: volumes, Tolerations: v.Tolerations,
	}
}

// required is Helm's function of that name.
func required(message, value string) (string, error) {
	if value == "" {
		return "", errors.New(message)
	}
	return value, nil
}

func readValues(t *testing.T) chartValues {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "conf/helm/values.yaml"))
	require.NoError(t, err)
	return decode[chartValues](t, text)
}

func TestHelmValues(t *testing.T) {
	values := readValues(t)
	require.NotEmpty(t, values.ServiceAccount.Annotations[roleAnnotation], "RRSA")
	require.Equal(t, []string{"--workdir=/fluent-bit/etc", "--config=/fluent-bit/etc/conf/fluent-bit.yaml"}, values.Args)
	require.Len(t, values.Config.ExtraFiles, 1)
	text := values.Config.ExtraFiles["fluent-bit.yaml"]
	require.NotContains(t, text, "{{", "the chart would take it for a template")
	known := map[string]bool{}
	for _, env := range values.Env {
		known[env.Name] = true
	}
	requireVariables(t, text, known)
	values.Plugins.Image = "my-registry.example.com/fluent-bit-sls:1.0.0"
	requireAgentPod(t, values.pod(t), decode[fluentBit](t, []byte(text)))
}

// Without the image of the plugins the chart refuses to render, and says what to set.
func TestHelmWantsTheImageOfThePlugins(t *testing.T) {
	values := readValues(t)
	require.Empty(t, values.Plugins.Image)
	install, err := template.New("").Funcs(template.FuncMap{"required": required}).Parse(values.InitContainers)
	require.NoError(t, err)
	err = install.Execute(io.Discard, map[string]any{"Values": map[string]any{"plugins": map[string]any{"image": ""}}})
	require.ErrorContains(t, err, "values.yaml: set plugins.image")
}

// The agent is the same however it comes to the node.
func TestHelmValuesAreTheAgents(t *testing.T) {
	values := readValues(t)
	set := build(t, filepath.Join(root, "conf/kubernetes/agent")).daemonSets[0]
	values.Plugins.Image = set.Spec.Template.Spec.InitContainers[0].Image
	ours, theirs := values.pod(t), set.Spec.Template.Spec

	text, err := os.ReadFile(filepath.Join(root, "conf/kubernetes/agent/fluent-bit.yaml"))
	require.NoError(t, err)
	require.Equal(t, below(string(text)), below(values.Config.ExtraFiles["fluent-bit.yaml"]))
	alone, err := os.ReadFile(filepath.Join(root, "conf/ship-kubernetes.yaml"))
	require.NoError(t, err)
	_, body, found := strings.Cut(string(alone), "\nplugins:\n")
	require.True(t, found)
	require.Equal(t, below(string(text)), "plugins:\n"+body)

	require.Equal(t, intstr.FromString("10%"), *values.UpdateStrategy.RollingUpdate.MaxUnavailable)
	require.Equal(t, set.Spec.UpdateStrategy, values.UpdateStrategy)
	require.Equal(t, theirs.InitContainers, ours.InitContainers)
	require.Equal(t, theirs.SecurityContext, ours.SecurityContext)
	require.Equal(t, theirs.TerminationGracePeriodSeconds, ours.TerminationGracePeriodSeconds)
	require.Equal(t, theirs.Tolerations, ours.Tolerations)
	for _, name := range []string{"plugins", "logs", "state"} {
		require.Equal(t, volume(t, theirs, name), volume(t, ours, name))
	}
	require.Equal(t, theirs.ServiceAccountName, ours.ServiceAccountName, "the account that the trust policy names")
	require.Equal(t, theirs.PriorityClassName, ours.PriorityClassName)
	a, b := theirs.Containers[0], ours.Containers[0]
	require.Equal(t, a.Image, b.Image)
	require.Equal(t, a.SecurityContext, b.SecurityContext)
	require.Equal(t, a.Resources, b.Resources)
	require.Equal(t, a.ReadinessProbe, b.ReadinessProbe)
	require.Equal(t, a.LivenessProbe, b.LivenessProbe)
	require.Subset(t, a.VolumeMounts, b.VolumeMounts[1:])
	require.Equal(t, a.EnvFrom[1], b.EnvFrom[0], "the Secret with keys")
	require.Subset(t, b.Env, a.Env, "the rest is in the ConfigMap")
}

// below is a text without its first line.
func below(text string) string {
	_, rest, _ := strings.Cut(text, "\n")
	return rest
}

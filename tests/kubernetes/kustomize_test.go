package kubernetes

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/json"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

// root is the project's.
const root = "../.."

// objects are what a kustomization comes to, each decoded strictly.
type objects struct {
	accounts   []corev1.ServiceAccount
	configMaps map[string]corev1.ConfigMap
	roles      []rbacv1.ClusterRole
	bindings   []rbacv1.ClusterRoleBinding
	daemonSets []appsv1.DaemonSet
	deploys    []appsv1.Deployment
	services   []corev1.Service
	budgets    []policyv1.PodDisruptionBudget
	monitors   []monitoringv1.PodMonitor
	scaled     [][]byte // as text: requireKEDA reads them
}

// build runs kustomize as `kubectl apply -k` does.
func build(t *testing.T, folder string) objects {
	t.Helper()
	resources, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), folder)
	require.NoError(t, err)
	all := objects{configMaps: map[string]corev1.ConfigMap{}}
	for _, r := range resources.Resources() {
		text, err := r.AsYAML()
		require.NoError(t, err)
		all.add(t, r.GetApiVersion()+" "+r.GetKind(), text)
	}
	return all
}

func (o *objects) add(t *testing.T, kind string, text []byte) {
	t.Helper()
	switch kind {
	case "v1 ServiceAccount":
		o.accounts = append(o.accounts, decode[corev1.ServiceAccount](t, text))
	case "v1 ConfigMap":
		c := decode[corev1.ConfigMap](t, text)
		o.configMaps[c.Name] = c
	case "rbac.authorization.k8s.io/v1 ClusterRole":
		o.roles = append(o.roles, decode[rbacv1.ClusterRole](t, text))
	case "rbac.authorization.k8s.io/v1 ClusterRoleBinding":
		o.bindings = append(o.bindings, decode[rbacv1.ClusterRoleBinding](t, text))
	case "apps/v1 DaemonSet":
		o.daemonSets = append(o.daemonSets, decode[appsv1.DaemonSet](t, text))
	case "apps/v1 Deployment":
		o.deploys = append(o.deploys, decode[appsv1.Deployment](t, text))
	case "v1 Service":
		o.services = append(o.services, decode[corev1.Service](t, text))
	case "policy/v1 PodDisruptionBudget":
		o.budgets = append(o.budgets, decode[policyv1.PodDisruptionBudget](t, text))
	case "monitoring.coreos.com/v1 PodMonitor":
		o.monitors = append(o.monitors, decode[monitoringv1.PodMonitor](t, text))
	case "keda.sh/v1alpha1 ScaledObject":
		o.scaled = append(o.scaled, text)
	default:
		t.Fatalf("%s is not expected", kind)
	}
}

// decode fails on a field that the type does not have, letter by letter as the API
// server reads it, and on one that is there twice.
func decode[T any](t *testing.T, text []byte) T {
	t.Helper()
	var v T
	object, err := yaml.YAMLToJSONStrict(text)
	require.NoError(t, err, "%s", text)
	problems, err := json.UnmarshalStrict(object, &v)
	require.NoError(t, errors.Join(append(problems, err)...), "%s", text)
	return v
}

const roleAnnotation = "pod-identity.alibabacloud.com/role-name"

func TestAgent(t *testing.T) {
	all := build(t, filepath.Join(root, "conf/kubernetes/agent"))
	require.Empty(t, all.deploys)
	require.Len(t, all.daemonSets, 1)
	set := all.daemonSets[0]
	requireSelected(t, set.Spec.Selector.MatchLabels, set.Spec.Template.Labels)
	requireAccount(t, all, set.Spec.Template.Spec)
	requireAgentRights(t, all)
	requireScraped(t, all, set.Spec.Template)
	requireImageToSet(t, set.Spec.Template.Spec)
	config := requireConfigured(t, all, set.Spec.Template.Spec)
	requireAgentPod(t, set.Spec.Template.Spec, config)
}

func TestConsumer(t *testing.T) {
	all := build(t, filepath.Join(root, "conf/kubernetes/consumer"))
	require.Empty(t, all.daemonSets)
	require.Empty(t, all.roles, "it asks the API server for nothing")
	require.Empty(t, all.bindings)
	require.Len(t, all.deploys, 1)
	deploy := all.deploys[0]
	spec := deploy.Spec.Template.Spec
	requireSelected(t, deploy.Spec.Selector.MatchLabels, deploy.Spec.Template.Labels)
	for _, c := range spec.TopologySpreadConstraints {
		requireSelected(t, c.LabelSelector.MatchLabels, deploy.Spec.Template.Labels)
	}
	requireAccount(t, all, spec)
	requireScraped(t, all, deploy.Spec.Template)
	requireImageToSet(t, spec)
	require.Len(t, all.budgets, 1)
	requireSelected(t, all.budgets[0].Spec.Selector.MatchLabels, deploy.Spec.Template.Labels)
	require.Equal(t, 1, all.budgets[0].Spec.MaxUnavailable.IntValue(), "a node can always be drained")
	require.False(t, *spec.AutomountServiceAccountToken)
	require.False(t, *all.accounts[0].AutomountServiceAccountToken)
	require.True(t, *spec.SecurityContext.RunAsNonRoot)
	require.Positive(t, *spec.SecurityContext.RunAsUser)
	config := requireConfigured(t, all, spec)
	requirePod(t, spec, config)
	input := config.section(t, config.Pipeline.Inputs, "sls")
	require.Equal(t, "delivered", input["checkpoint"], "there is no storage that survives the pod")
	requireMemory(t, spec, size(t, input["mem_buf_limit"])+2*size(t, input["memory_limit"]))
}

// The consumer writes as conf/consume-to-elasticsearch.yaml does, which is run by itself.
func TestConsumerWritesAsAlone(t *testing.T) {
	outputs := func(file string) string {
		text, err := os.ReadFile(filepath.Join(root, "conf", file))
		require.NoError(t, err)
		_, section, found := strings.Cut(string(text), "\n  outputs:\n")
		require.True(t, found, file)
		return section
	}
	require.Equal(t, outputs("consume-to-elasticsearch.yaml"), outputs("kubernetes/consumer/fluent-bit.yaml"))
}

// The overlay that docs/kubernetes.md shows, on top of a base that lies where it says.
func TestOverlayOfThePage(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "docs/kubernetes.md"))
	require.NoError(t, err)
	block := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindSubmatch(text)
	require.NotNil(t, block)
	overlay := regexp.MustCompile(`(?m)^ {3}`).ReplaceAll(block[1], nil)

	folder := t.TempDir()
	base := filepath.Join(folder, "conf/kubernetes/agent")
	require.NoError(t, os.CopyFS(base, os.DirFS(filepath.Join(root, "conf/kubernetes/agent"))))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "kustomization.yaml"), overlay, 0o600))
	all := build(t, folder)

	set := all.daemonSets[0]
	spec := set.Spec.Template.Spec
	require.Equal(t, "logging", set.Namespace)
	require.Equal(t, "my-registry.example.com/logging/fluent-bit-sls:1.0.0", spec.InitContainers[0].Image)
	require.Regexp(t, reference, spec.InitContainers[0].Image)
	requireAccount(t, all, spec)
	requireAgentRights(t, all)
	require.Equal(t, "my-role", all.accounts[0].Annotations[roleAnnotation])
	require.Equal(t, map[string]string{
		"SLS_ENDPOINT": "cn-shanghai-intranet.log.aliyuncs.com", "SLS_PROJECT": "my-cluster", "SLS_LOGSTORE": "containers",
	}, all.configMaps[spec.Containers[0].EnvFrom[0].ConfigMapRef.Name].Data)
	requireAgentPod(t, spec, requireConfigured(t, all, spec))
}

// The component of the Prometheus Operator scrapes the pods of both bases, where the
// metrics of plugins are.
func TestPodMonitor(t *testing.T) {
	folder := t.TempDir()
	require.NoError(t, os.CopyFS(filepath.Join(folder, "conf"), os.DirFS(filepath.Join(root, "conf/kubernetes"))))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "kustomization.yaml"), []byte(
		"resources: [conf/agent, conf/consumer]\ncomponents: [conf/podmonitor]\n"), 0o600))
	all := build(t, folder)
	require.Len(t, all.monitors, 1)
	spec := all.monitors[0].Spec
	selector, err := metav1.LabelSelectorAsSelector(&spec.Selector)
	require.NoError(t, err)
	for _, pod := range []corev1.PodTemplateSpec{all.daemonSets[0].Spec.Template, all.deploys[0].Spec.Template} {
		require.True(t, selector.Matches(labels.Set(pod.Labels)))
		require.Len(t, spec.PodMetricsEndpoints, 1)
		require.Equal(t, pod.Spec.Containers[0].Ports[0].Name, *spec.PodMetricsEndpoints[0].Port)
		require.Equal(t, "/api/v2/metrics/prometheus", spec.PodMetricsEndpoints[0].Path)
	}
}

// requireScraped: a Service leads to the pods' metrics.
func requireScraped(t *testing.T, all objects, pod corev1.PodTemplateSpec) {
	t.Helper()
	require.Len(t, all.services, 1)
	spec := all.services[0].Spec
	requireSelected(t, spec.Selector, pod.Labels)
	require.Equal(t, corev1.ClusterIPNone, spec.ClusterIP)
	require.Len(t, spec.Ports, 1)
	require.Equal(t, pod.Spec.Containers[0].Ports[0].Name, spec.Ports[0].TargetPort.StrVal)
}

// reference is what a kubelet takes for the repository of an image.
var reference = regexp.MustCompile(`^[a-z0-9.-]+(:\d+)?(/[a-z0-9._-]+)*:[\w.-]+$`)

// requireImageToSet: a base alone names no image. So the pod reports a forgotten one as
// InvalidImageName, without asking a registry that does not answer.
func requireImageToSet(t *testing.T, spec corev1.PodSpec) {
	t.Helper()
	require.NotRegexp(t, reference, spec.InitContainers[0].Image)
	require.Regexp(t, reference, spec.Containers[0].Image)
}

func requireSelected(t *testing.T, selector, labels map[string]string) {
	t.Helper()
	require.NotEmpty(t, selector)
	require.Subset(t, labels, selector)
}

func requireAccount(t *testing.T, all objects, spec corev1.PodSpec) {
	t.Helper()
	require.Len(t, all.accounts, 1)
	require.Equal(t, all.accounts[0].Name, spec.ServiceAccountName)
	require.NotEmpty(t, all.accounts[0].Annotations[roleAnnotation], "RRSA")
}

// requireAgentRights: reading pods and namespaces, nothing else, for the account.
func requireAgentRights(t *testing.T, all objects) {
	t.Helper()
	require.Len(t, all.roles, 1)
	require.Equal(t, []rbacv1.PolicyRule{{
		APIGroups: []string{""}, Resources: []string{"namespaces", "pods"}, Verbs: []string{"get", "list", "watch"},
	}}, all.roles[0].Rules)
	require.Len(t, all.bindings, 1)
	require.Equal(t, rbacv1.RoleRef{APIGroup: "rbac.authorization.k8s.io", Kind: "ClusterRole", Name: all.roles[0].Name},
		all.bindings[0].RoleRef)
	require.Len(t, all.bindings[0].Subjects, 1)
	subject, account := all.bindings[0].Subjects[0], all.accounts[0]
	require.Equal(t, "ServiceAccount", subject.Kind)
	require.Equal(t, account.Name, subject.Name)
	if account.Namespace != "" {
		require.Equal(t, account.Namespace, subject.Namespace)
	}
}

// requireConfigured returns the configuration that the pod mounts, after checking
// that the ConfigMaps it names are there and give it all its variables.
func requireConfigured(t *testing.T, all objects, spec corev1.PodSpec) fluentBit {
	t.Helper()
	container := spec.Containers[0]
	known := map[string]bool{}
	for _, from := range container.EnvFrom {
		if from.ConfigMapRef != nil {
			require.Contains(t, all.configMaps, from.ConfigMapRef.Name)
			for name := range all.configMaps[from.ConfigMapRef.Name].Data {
				known[name] = true
			}
		}
	}
	for _, env := range container.Env {
		known[env.Name] = true
	}
	name := volume(t, spec, "config").ConfigMap.Name
	require.Contains(t, all.configMaps, name)
	text := all.configMaps[name].Data["fluent-bit.yaml"]
	require.NotEmpty(t, text)
	requireVariables(t, text, known)
	return decode[fluentBit](t, []byte(text))
}

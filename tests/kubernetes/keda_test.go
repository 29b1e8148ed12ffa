package kubernetes

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/kube-openapi/pkg/validation/spec"
	"k8s.io/kube-openapi/pkg/validation/strfmt"
	"k8s.io/kube-openapi/pkg/validation/validate"
	"sigs.k8s.io/yaml"
)

// scaledObject is what the test looks at of a keda.sh/v1alpha1 ScaledObject. Its Go type is
// in a module that brings a whole Kubernetes client along, so its schema is what is checked.
type scaledObject struct {
	Spec struct {
		ScaleTargetRef  struct{ Name string }
		MinReplicaCount int
		MaxReplicaCount int
		Fallback        struct{ Replicas int }
		Triggers        []struct {
			Type     string
			Metadata map[string]string
		}
	}
}

// requireKEDA checks an object by the schema, and that the schema knows all its fields.
func requireKEDA(t *testing.T, text []byte) scaledObject {
	t.Helper()
	var object any
	require.NoError(t, yaml.UnmarshalStrict(text, &object))
	require.NoError(t, problems(t, object))
	var so scaledObject
	require.NoError(t, yaml.Unmarshal(text, &so))
	return so
}

// problems is what the schema refuses in an object.
func problems(t *testing.T, object any) error {
	t.Helper()
	raw, err := os.ReadFile("testdata/scaledobject.schema.yaml")
	require.NoError(t, err)
	var schema spec.Schema
	require.NoError(t, yaml.Unmarshal(raw, &schema))
	closed(&schema)
	metadata := schema.Properties["metadata"]
	metadata.AdditionalProperties = nil // of every Kubernetes object
	schema.Properties["metadata"] = metadata
	return validate.NewSchemaValidator(&schema, nil, "", strfmt.Default).Validate(object).AsError()
}

// closed makes a schema refuse fields that it does not name. The API server drops them.
func closed(s *spec.Schema) {
	for name, property := range s.Properties {
		closed(&property)
		s.Properties[name] = property
	}
	if s.Items != nil && s.Items.Schema != nil {
		closed(s.Items.Schema)
	}
	if s.Type.Contains("object") && s.AdditionalProperties == nil {
		s.AdditionalProperties = &spec.SchemaOrBool{}
	}
}

// The settings that KEDA's trigger prometheus takes (pkg/scalers/prometheus_scaler.go of
// v2.18; it ignores others). The first three it demands.
var prometheusTrigger = []string{
	"serverAddress", "query", "threshold",
	"activationThreshold", "namespace", "customHeaders", "queryParameters", "ignoreNullValues", "unsafeSsl", "authModes", "timeout",
}

// KEDA scales the consumer's Deployment, and nobody else sets its number of pods.
func TestKEDA(t *testing.T) {
	folder := t.TempDir()
	require.NoError(t, os.CopyFS(filepath.Join(folder, "conf"), os.DirFS(filepath.Join(root, "conf/kubernetes"))))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "kustomization.yaml"), []byte(
		"resources: [conf/consumer]\ncomponents: [conf/consumer/keda]\n"), 0o600))
	all := build(t, folder)
	require.Len(t, all.scaled, 1)
	require.Len(t, all.deploys, 1)
	scaled, deploy := requireKEDA(t, all.scaled[0]), all.deploys[0]
	require.Equal(t, deploy.Name, scaled.Spec.ScaleTargetRef.Name)
	require.Nil(t, deploy.Spec.Replicas)
	require.Less(t, scaled.Spec.MinReplicaCount, scaled.Spec.MaxReplicaCount)
	require.Equal(t, scaled.Spec.MinReplicaCount, scaled.Spec.Fallback.Replicas)
	require.Len(t, scaled.Spec.Triggers, 1)
	trigger := scaled.Spec.Triggers[0]
	require.Equal(t, "prometheus", trigger.Type)
	for _, needed := range prometheusTrigger[:3] {
		require.NotEmpty(t, trigger.Metadata[needed])
	}
	for name := range trigger.Metadata {
		require.True(t, slices.Contains(prometheusTrigger, name), name)
	}
	config := requireConfigured(t, all, deploy.Spec.Template.Spec)
	alias, ok := config.section(t, config.Pipeline.Inputs, "sls")["alias"].(string)
	require.True(t, ok)
	require.Contains(t, trigger.Metadata["query"], `{name="`+alias+`"}`, "the input of the configuration")
}

// The check finds a field of another name and a value of another type.
func TestKEDASchemaIsStrict(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "conf/kubernetes/consumer/keda/scaledobject.yaml"))
	require.NoError(t, err)
	requireKEDA(t, text)
	for _, change := range []func(s map[string]any){
		func(s map[string]any) { s["maxReplicas"] = 3 },
		func(s map[string]any) { s["maxReplicaCount"] = "three" },
		func(s map[string]any) { delete(s, "triggers") },
	} {
		var object map[string]any
		require.NoError(t, yaml.Unmarshal(text, &object))
		change(object["spec"].(map[string]any)) //nolint:forcetypeassert // of our own file
		require.Error(t, problems(t, object))
	}
}

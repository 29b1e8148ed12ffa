package grafana

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"
)

// KEDA asks Prometheus for a number that is made of metrics that are exposed.
func TestKEDAQuery(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "conf/kubernetes/consumer/keda/scaledobject.yaml"))
	require.NoError(t, err)
	var object struct {
		Spec struct {
			Triggers []struct{ Metadata map[string]string }
		}
	}
	require.NoError(t, yaml.Unmarshal(text, &object))
	require.Len(t, object.Spec.Triggers, 1)
	q := &queries{T: t, exposed: exposed(t)}
	require.Empty(t, q.parse("scaledobject.yaml", object.Spec.Triggers[0].Metadata["query"]), "one series")
}

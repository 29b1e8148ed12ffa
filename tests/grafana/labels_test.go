package grafana

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/require"
)

// set is a set of label names.
type set map[string]bool

func setOf(names ...string) set {
	s := set{}
	for _, n := range names {
		s[n] = true
	}
	return s
}

func union(a, b set) set {
	s := set{}
	maps.Copy(s, a)
	maps.Copy(s, b)
	return s
}

// engineMetrics are those of Fluent Bit itself that are shown, with their labels
// (v5.1.1, src/flb_input.c, flb_output.c, flb_storage.c, flb_engine.c).
var engineMetrics = map[string][]string{
	"fluentbit_output_retries_total":                    {"name"},
	"fluentbit_output_retries_failed_total":             {"name"},
	"fluentbit_output_errors_total":                     {"name"},
	"fluentbit_output_dropped_records_total":            {"name"},
	"fluentbit_output_chunk_available_capacity_percent": {"name"},
	"fluentbit_input_ingestion_paused":                  {"name"},
	"fluentbit_storage_mem_chunks":                      {},
	"fluentbit_storage_fs_chunks":                       {},
	"fluentbit_uptime":                                  {"hostname"},
	"fluentbit_logger_logs_total":                       {"message_type"},
}

var row = regexp.MustCompile(`(?m)^\| ([a-z_]+) \| (-|[a-z, ]+) \| .+ \|$`)

// exposed is what Prometheus sees: the labels of each metric, those of the scrape
// included.
func exposed(t *testing.T) map[string]set {
	t.Helper()
	all := map[string]set{}
	for name, more := range engineMetrics {
		all[name] = setOf(append(more, "instance", "job")...)
	}
	for plugin, prefix := range map[string]string{"out_sls": "fluentbit_output_sls_", "in_sls": "fluentbit_input_sls_"} {
		page, err := os.ReadFile(filepath.Join("..", "..", plugin, "README.md"))
		require.NoError(t, err)
		_, section, ok := strings.Cut(string(page), "\n## Metrics\n")
		require.True(t, ok, plugin)
		section, _, _ = strings.Cut(section, "\n## ")
		for _, m := range row.FindAllStringSubmatch(strings.ReplaceAll(section, "`", ""), -1) {
			of := setOf("name", "instance", "job")
			if m[2] != "-" {
				of = union(of, setOf(strings.Split(m[2], ", ")...))
			}
			all[prefix+m[1]] = of
			if strings.HasSuffix(m[1], "_duration_seconds") { // a histogram
				all[prefix+m[1]+"_sum"], all[prefix+m[1]+"_count"] = of, of
				all[prefix+m[1]+"_bucket"] = union(of, setOf("le"))
			}
		}
	}
	require.Greater(t, len(all), 30)
	return all
}

// queries checks expressions against what is exposed.
type queries struct {
	*testing.T
	exposed map[string]set
}

// parse requires that an expression is valid and returns the labels that its
// result can have.
func (q *queries) parse(where, expr string) set {
	q.Helper()
	tree, err := parser.ParseExpr(expr)
	require.NoError(q, err, "%s: %s", where, expr)
	return q.labels(where, tree)
}

// labels are those that a node's result can have. Whatever the node names must
// be there.
func (q *queries) labels(where string, node parser.Expr) set {
	q.Helper()
	switch n := node.(type) {
	case *parser.VectorSelector:
		return q.selector(where, n)
	case *parser.MatrixSelector:
		return q.labels(where, n.VectorSelector)
	case *parser.SubqueryExpr:
		return q.labels(where, n.Expr)
	case *parser.ParenExpr:
		return q.labels(where, n.Expr)
	case *parser.AggregateExpr:
		require.False(q, n.Without, "%s: without is not handled by this test", where)
		q.require(where, n.Grouping, q.labels(where, n.Expr))
		return setOf(n.Grouping...)
	case *parser.BinaryExpr:
		return q.binary(where, n)
	case *parser.Call:
		out := set{}
		for _, arg := range n.Args {
			out = union(out, q.labels(where, arg))
		}
		if n.Func.Name == "histogram_quantile" {
			require.True(q, out["le"], "%s: histogram_quantile without le", where)
			delete(out, "le")
		}
		return out
	case *parser.NumberLiteral:
		return set{}
	}
	require.FailNow(q, "not handled", "%s: %T", where, node)
	return nil
}

func (q *queries) binary(where string, n *parser.BinaryExpr) set {
	q.Helper()
	left, right := q.labels(where, n.LHS), q.labels(where, n.RHS)
	m := n.VectorMatching
	switch {
	case m == nil || n.Op == parser.LOR: // with a number on one side; one or the other
		return union(left, right)
	case m.On:
		q.require(where, m.MatchingLabels, left)
		q.require(where, m.MatchingLabels, right)
	default:
		require.Equal(q, left, right, "%s: the sides of %s have different labels, nothing would match", where, n.Op)
	}
	return left
}

func (q *queries) selector(where string, n *parser.VectorSelector) set {
	q.Helper()
	of, ok := q.exposed[n.Name]
	require.True(q, ok, "%s: there is no metric %s", where, n.Name)
	for _, m := range n.LabelMatchers {
		if m.Name != labels.MetricName {
			q.require(where, []string{m.Name}, of)
		}
	}
	return of
}

func (q *queries) require(where string, names []string, of set) {
	q.Helper()
	for _, name := range names {
		require.True(q, of[name], "%s: there is no label %s, only %v", where, name, of)
	}
}

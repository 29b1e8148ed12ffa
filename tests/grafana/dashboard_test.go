package grafana

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/require"
)

const folder = "../../conf/grafana/"

// dashboard is what these tests look at of Grafana's model.
type dashboard struct {
	UID, Title    string
	SchemaVersion int
	Templating    struct{ List []variable }
	Panels        []panel
}

type variable struct {
	Name, Type string
	Query      any
	Definition string
}

type panel struct {
	ID                       int
	Type, Title, Description string
	GridPos                  struct{ X, Y, W, H int }
	Datasource               *struct{ Type, UID string }
	FieldConfig              struct{ Defaults struct{ Unit string } }
	Targets                  []target
}

type target struct{ RefID, Expr, LegendFormat string }

func load(t *testing.T) dashboard {
	t.Helper()
	raw, err := os.ReadFile(folder + "dashboard.json")
	require.NoError(t, err)
	var d dashboard
	require.NoError(t, json.Unmarshal(raw, &d))
	require.NotEmpty(t, d.Panels)
	return d
}

// grafana puts values into variables, as Grafana does before it asks Prometheus.
var grafana = strings.NewReplacer("$__rate_interval", "5m", "$__range", "1h")

var variables = regexp.MustCompile(`\$(?:\{(\w+)\}|(\w+))`)

func TestQueriesOfTheDashboard(t *testing.T) {
	d := load(t)
	known := map[string]bool{}
	for _, v := range d.Templating.List {
		known[v.Name] = true
	}
	q := &queries{t, exposed(t)}
	legend := regexp.MustCompile(`\{\{(\w+)\}\}`)
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			where := p.Title + " " + target.RefID
			expr := grafana.Replace(target.Expr)
			for _, v := range variables.FindAllStringSubmatch(expr, -1) {
				require.True(t, known[v[1]+v[2]], "%s: there is no variable %s", where, v[0])
			}
			of := q.parse(where, expr)
			for _, l := range legend.FindAllStringSubmatch(target.LegendFormat, -1) {
				require.True(t, of[l[1]], "%s: the legend has {{%s}}, the result only %v", where, l[1], of)
			}
		}
	}
}

func TestVariablesOfTheDashboard(t *testing.T) {
	query := regexp.MustCompile(`^label_values\((.+), (\w+)\)$`)
	q := &queries{t, exposed(t)}
	for _, v := range load(t).Templating.List {
		if v.Type == "datasource" {
			require.Equal(t, "prometheus", v.Query)
			continue
		}
		m := query.FindStringSubmatch(v.Definition)
		require.NotNil(t, m, v.Definition)
		require.Equal(t, v.Name, m[2], "a variable is named by its label")
		selector, err := parser.ParseMetricSelector(m[1])
		require.NoError(t, err, m[1])
		found := 0
		for name, of := range q.exposed {
			if selector[0].Matches(name) && of[v.Name] {
				found++
			}
		}
		require.Positive(t, found, "no metric that %s selects has the label %s", m[1], v.Name)
		require.Equal(t, v.Definition, v.Query.(map[string]any)["query"])
	}
}

func TestPanelsOfTheDashboard(t *testing.T) {
	d := load(t)
	require.NotEmpty(t, d.UID)
	require.GreaterOrEqual(t, d.SchemaVersion, 39, "Grafana 10.4")
	ids, titles, taken := map[int]bool{}, map[string]bool{}, map[[2]int]string{}
	section := ""
	for _, p := range d.Panels {
		require.False(t, ids[p.ID], "two panels have the id %d", p.ID)
		ids[p.ID] = true
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				require.Less(t, x, 24, p.Title)
				require.Empty(t, taken[[2]int{x, y}], "%s lies on another panel", p.Title)
				taken[[2]int{x, y}] = p.Title
			}
		}
		if p.Type == "row" {
			section = p.Title
			continue
		}
		name := section + ": " + p.Title
		require.False(t, titles[name], "two panels %s", name)
		titles[name] = true
		require.NotEmpty(t, p.Description, name)
		require.Equal(t, "${datasource}", p.Datasource.UID, name)
		if p.Type != "heatmap" {
			require.NotEmpty(t, p.FieldConfig.Defaults.Unit, name)
		}
		refs := map[string]bool{}
		require.NotEmpty(t, p.Targets, name)
		for _, target := range p.Targets {
			require.False(t, refs[target.RefID], name)
			refs[target.RefID] = true
		}
	}
}

package route

import (
	"fmt"
	"path"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/shared/loggroup"
	"fluent-bit-sls/shared/option"
)

func TestPatterns(t *testing.T) {
	for in, want := range map[string]struct{ yes, no []string }{
		"audit":         {[]string{"p/audit", "q/audit"}, []string{"p/audits", "p/audi", "audit/p"}},
		"k8s-*":         {[]string{"p/k8s-a", "p/k8s-", "p/k8s-a-b"}, []string{"p/k8s", "p/xk8s-a", "k8s-a/x"}},
		"*":             {[]string{"p/a", "p/a-b_c"}, nil},
		"app-?":         {[]string{"p/app-1"}, []string{"p/app-", "p/app-12"}},
		"*-prod-*":      {[]string{"p/a-prod-b", "p/a-prod-prod-b", "p/-prod--prod-"}, []string{"p/prod", "p/a-prod"}},
		"team-*/app-*":  {[]string{"team-a/app-b"}, []string{"team/app-b", "xteam-a/app-b", "team-a/ap"}},
		"Team-*/App":    {[]string{"team-a/app", "Team-A/APP"}, []string{"team-a/apps"}},
		"logs/a_b":      {[]string{"logs/a_b"}, []string{"log/a_b", "logs/a-b"}},
		"**a**":         {[]string{"p/a", "p/xax"}, []string{"p/x"}},
		"?*?":           {[]string{"p/ab", "p/abc"}, []string{"p/a"}},
		"*a*b*c*d*e*f*": {[]string{"p/abcdef"}, []string{"p/" + strings.Repeat("abcde", 12)}},
	} {
		p, err := parsePattern(in)
		require.NoError(t, err, in)
		for _, name := range want.yes {
			project, logstore, _ := strings.Cut(name, "/")
			require.True(t, p.allows([]byte(project), []byte(logstore), nil, nil), "%s: %s", in, name)
		}
		for _, name := range want.no {
			project, logstore, _ := strings.Cut(name, "/")
			require.False(t, p.allows([]byte(project), []byte(logstore), nil, nil), "%s: %s", in, name)
		}
	}
}

func TestBadPatterns(t *testing.T) {
	for in, want := range map[string]string{
		"a, /b":    `pattern "/b": a logstore, or project/logstore, expected`,
		"a/":       `pattern "a/": a logstore, or project/logstore, expected`,
		"a/b/c":    `pattern "a/b/c": one / at most: project/logstore`,
		"a_b/c":    `pattern "a_b/c": a project name cannot hold "_"`,
		"app-[ab]": `pattern "app-[ab]": a logstore name cannot hold "["`,
		"$ns":      `pattern "$ns": a logstore name cannot hold "$"`,
		"日志":       `cannot hold "日"`,
		"a b":      `cannot hold " "`,
	} {
		var cfg Config
		err := option.Parse(option.Map{"project": "proj", "logstore": "logs", "allow_destinations": in}, cfg.Options())
		require.ErrorContains(t, err, "option allow_destinations = ")
		require.ErrorContains(t, err, want)
		if !strings.Contains(in, ",") {
			_, err = New(Config{Project: "proj", Logstore: "$TAG|logs", AllowDestinations: []string{in}})
			require.ErrorContains(t, err, want)
		}
	}
}

// TestPatternsAreRequired as soon as a record or a tag can say where it goes.
func TestPatternsAreRequired(t *testing.T) {
	const missing = "option allow_destinations: needed, because "
	for _, c := range []struct{ project, logstore, allow, want string }{
		{"proj", "logs", "", ""},
		{"proj", "logs", "audit", ""}, // of no use, and no harm
		{"proj", "$TAG|logs", "", missing + `logstore = "$TAG|logs" takes names from tags; say which they may be: add for example the line ` + "`allow_destinations app-*`"},
		{"proj", "app-$TAG[1]|x", "", "the line `allow_destinations app-*`"},
		{"$TAG[1]|proj", "$TAG|logs", "", missing + `project = "$TAG[1]|proj" takes names from tags; say which they may be: add for example the line ` + "`allow_destinations app-*/app-*`"},
		{"$TAG[1]|proj", "$TAG|logs", "app-*", `option allow_destinations: "app-*" names no project, but project = "$TAG[1]|proj" takes it from tags: write project/logstore, for example app-*/app-*`},
		{"logs-$TAG[1]|x", "app", "", "the line `allow_destinations logs-*/app`"},
		{"proj", "k8s-$ns|none", "k8s-*", ""},
		{"proj", "k8s-$ns|none", "", missing + `logstore = "k8s-$ns|none" takes names from records; say which they may be: add for example the line ` + "`allow_destinations k8s-*`"},
		{"proj", "$TAG|$ns|none", "", missing + `logstore = "$TAG|$ns|none" takes names from records; say which they may be: add for example the line ` + "`allow_destinations app-*`"},
		{"$team|proj", "logs", "", missing + `project = "$team|proj" takes names from records; say which they may be: add for example the line ` + "`allow_destinations app-*/logs`"},
		{"t-$a|'x'-$TAG[0]|y", "k8s-$ns|'none'-$b|x", "", "the line `allow_destinations t-*-*/k8s-*-*`"},
		{"t-$team|x", "app-$TAG|y", "t-*/app-*", ""},
		{"t-$team|x", "app-$TAG|y", "t-*/app-*,audit", `option allow_destinations: "audit" names no project, but project = "t-$team|x" takes it from records: write project/logstore, for example t-*/app-*`},
		{"t-$TAG[0]|x", "app-$ns|y", "t-*/app-*", ""},
		{"proj", "app-$a|'x'-$b|y", "app-*", `option allow_destinations: no pattern fits what logstore = "app-$a|'x'-$b|y" comes to: each * stands for a part of one variable's value, for example app-*-*`},
		{"proj", "app-$a|'x'-$b|y", "misc,app-*-error", ""},
		{"proj", "app-$a|'x'-$b|y", "*", ""},
		{"proj", "app-$a|'x-z'-$b|y", "app-*", ""}, // a default of two parts
	} {
		given := option.Map{"project": c.project, "logstore": c.logstore, "allow_destinations": c.allow}
		var cfg Config
		require.NoError(t, option.Parse(given, cfg.Options()))
		err := cfg.Validate()
		if c.want == "" {
			require.NoError(t, err, "%+v", c)
			continue
		}
		require.ErrorContains(t, err, c.want)
		require.Len(t, option.Problems(err), 1)
		_, err = New(cfg)
		require.ErrorContains(t, err, c.want)
	}
}

// A "*" stops where a variable does: what a record puts into one value fits no part of
// a pattern that is another's.
func TestStarsStopWhereVariablesDo(t *testing.T) {
	r := configured(t, "logstore", "app-$TAG[1]-$level|info", "default_logstore", "app-misc",
		"allow_destinations", "app-*-debug,app-*-info,app-*-warn,app-*-error")
	for in, want := range map[[2]string]string{
		{"app.billing.shop", "error"}:               "app-billing-error",
		{"app.billing.shop", "ERROR"}:               "app-billing-error",
		{"app.billing.shop", "audit-error"}:         "app-misc",
		{"app.billing.shop", "Audit/Error"}:         "app-misc",
		{"app.billing.shop", "/error"}:              "app-billing-error",
		{"app.billing-audit.shop", "error"}:         "app-billing_audit-error",
		{"app.billing/audit.shop", "error"}:         "app-billing_audit-error",
		{"app.billing.shop", ""}:                    "app-billing-info",
		{"app", "error"}:                            "app-misc",
		{"app." + strings.Repeat("x", 99), "error"}: "app-misc",
	} {
		require.Equal(t, want, routeOne(r, in[0], event(t, "level", in[1])).Logstore, "%v", in)
	}
	name, err := logstoreRules.Parse("$a-$b")
	require.NoError(t, err)
	of := name.Name
	for pattern, names := range map[string]map[string]bool{
		"app-*-x*z": {"app-a-xz": true, "app-a-xyz": true, "app-a-b-xz": false, "app-a-x-z": false, "app--xz": true, "app-a-xz-": false},
		"app-?-*":   {"app-a-": true, "app-a-b": true, "app---b": false, "app-a-b-c": false},
		"*-*":       {"a-b": true, "a": false, "a-b-c": false},
		"*":         {"a-b-c": true},
		"**":        {"a": true, "a-b": false},
	} {
		for name, want := range names {
			require.Equal(t, want, glob(pattern, []byte(name), of), "%s: %s", pattern, name)
		}
	}
}

// TestRefusedDestinations go where the operator said, together.
func TestRefusedDestinations(t *testing.T) {
	for _, c := range []struct {
		project, logstore, allow, defaults, in, want string
		refused                                      uint64
	}{
		{"proj", "k8s-$l|none", "k8s-a*,audit", "", "/abc", "proj/k8s-abc", 0},
		{"proj", "k8s-$l|none", "k8s-a*,audit", "", "/bcd", "proj/k8s-none", 1},
		{"proj", "k8s-$l|none", "k8s-a*,audit", "/misc", "/bcd", "proj/misc", 1},
		{"proj", "$l|none", "k8s-*", "/misc", "/K8S.A", "proj/k8s-a", 0},
		{"proj", "$l|none", "other/k8s-*", "/misc", "/k8s-a", "proj/misc", 1},
		{"$p", "$l", "team-*/app-*", "home/misc", "team-a/app-b", "team-a/app-b", 0},
		{"$p", "$l", "team-*/app-*", "home/misc", "team-a/secret", "home/misc", 1},
		{"$p", "$l", "team-*/app-*", "home/misc", "secret/app-b", "home/misc", 1},
		{"$p", "$l", "team-*/app-*", "home/misc", "home/misc", "home/misc", 0},
		{"$p", "logs", "team-*/*", "home/", "team-a/", "team-a/logs", 0},
		{"$p", "logs", "team-*/*", "home/", "secret/", "home/logs", 1},
		{"Proj", "$l|none", "Proj/app-*", "", "/APP-1", "Proj/app-1", 0},
	} {
		home, misc, _ := strings.Cut(c.defaults, "/")
		r := configured(t, "project", c.project, "logstore", c.logstore, "allow_destinations", c.allow,
			"default_project", home, "default_logstore", misc, "topic", "$topic", "tags", "t=$TAG")
		project, logstore, _ := strings.Cut(c.in, "/")
		d := routeOne(r, "tag", event(t, "p", project, "l", logstore, "topic", "top"))
		require.Equal(t, c.want, d.Project+"/"+d.Logstore, "%+v", c)
		require.Equal(t, "top", d.Topic, "the rest stays the record's")
		require.Equal(t, map[string]string{"t": "tag"}, tagsOf(t, d))
		require.Equal(t, c.refused, r.Stats().Refused, "%+v", c)
	}
}

// TestMissingHalfIsMatchedWithTheOther: a default stands in for what a record does
// not have, but does not bless the half that it has.
func TestMissingHalfIsMatchedWithTheOther(t *testing.T) {
	r := configured(t, "project", "$p", "logstore", "$l", "allow_destinations", "team-*/app-*",
		"default_project", "home", "default_logstore", "misc")
	d := routeOne(r, "tag", event(t, "p", "team-a"))
	require.Equal(t, "home/misc", d.Project+"/"+d.Logstore)
	require.Equal(t, Stats{Fallbacks: 1, Refused: 1}, r.Stats())
	d = routeOne(r, "tag", event(t))
	require.Equal(t, "home/misc", d.Project+"/"+d.Logstore)
	require.Equal(t, Stats{Fallbacks: 3, Refused: 1}, r.Stats(), "with nothing of the record in it there is nothing to refuse")
}

// TestNamesAreMatchedAsTheyGoOut: a name that only becomes an allowed one, or a
// forbidden one, by being mended.
func TestNamesAreMatchedAsTheyGoOut(t *testing.T) {
	r := configured(t, "logstore", "$l|none", "allow_destinations", "app-a, app-?")
	for in, want := range map[string]string{
		"APP..a": "app-a", "app/../secret": "none", "app-a\x00": "app-a", "-app-1-": "app-1", "app\xff2": "app-2",
		"app-a/x": "none", "*": "none", "app-*": "none", "app-a,secret": "none", strings.Repeat("a", 100): "none",
	} {
		require.Equal(t, want, routeOne(r, "tag", event(t, "l", in)).Logstore, "%q", in)
	}
}

func TestPatternsHoldForTagsToo(t *testing.T) {
	r := configured(t, "project", "$TAG[0]|proj", "logstore", "$TAG[1]|none", "topic", "$t", "allow_destinations", "team-*/app-*")
	s := r.Begin("team-a.app-b")
	require.Equal(t, "app-b", s.Route(event(t).Record).Logstore)
	s.End()
	s = r.Begin("team-a.secret")
	for range 3 {
		d := s.Route(event(t).Record)
		require.Equal(t, "proj/none", d.Project+"/"+d.Logstore)
	}
	n, first := s.Refused()
	require.EqualValues(t, 3, n)
	require.Equal(t, "team-a/secret", first)
	s.End()

	r = configured(t, "logstore", "$TAG[1]|none", "allow_destinations", "app-*")
	s = r.Begin("team-a.secret")
	for range 3 {
		require.Equal(t, "none", s.Route(event(t).Record).Logstore)
	}
	s.End()
	require.Equal(t, Stats{Refused: 3}, r.Stats())
	s = r.Begin("team-a.app-1")
	require.Equal(t, "app-1", s.Route(event(t).Record).Logstore)
	n, first = s.Refused()
	require.Zero(t, n)
	require.Empty(t, first)
	s.End()
	require.Equal(t, Stats{Refused: 3}, r.Stats())
}

// TestRefusedNamesLeaveNothingBehind: any number of names in records is one
// destination, and costs no memory.
func TestRefusedNamesLeaveNothingBehind(t *testing.T) {
	r := configured(t, "logstore", "$l|none", "allow_destinations", "app-*", "tags", "t=$TAG", "max_destinations", "16")
	s := r.Begin("tag")
	home := s.Route(event(t, "l", "secret").Record)
	for i := range 1000 {
		require.Same(t, home, s.Route(event(t, "l", fmt.Sprint("secret-", i)).Record))
	}
	require.Len(t, s.known.byKey, 1)
	require.Equal(t, 1, s.Route(event(t, "l", "app-1").Record).Slot)
	n, first := s.Refused()
	require.EqualValues(t, 1001, n)
	require.Equal(t, "proj/secret", first)
	a, b := event(t, "l", "secret-x"), event(t, "l", "secret-y")
	require.Zero(t, testing.AllocsPerRun(100, func() {
		s.Route(a.Record)
		s.Route(a.Record)
		s.Route(b.Record)
	}))
	s.End()
	require.Equal(t, Stats{Refused: 1001 + 3*101}, r.Stats())
}

// FuzzPattern: what parses matches as path.Match does.
func FuzzPattern(f *testing.F) {
	f.Add("k8s-*, audit", "P", "k8s-a")
	f.Add("team-?*/app-**x", "team-12", "app-xyzx")
	f.Add("*a*a*a*a*b", "a", strings.Repeat("a", 60))
	f.Fuzz(func(t *testing.T, patterns, project, logstore string) {
		if checkPatterns(patterns) != nil || strings.ContainsFunc(project+logstore, func(r rune) bool { return r > '~' || r == '/' }) {
			return // names are ASCII, and path.Match counts in runes
		}
		for item := range strings.SplitSeq(patterns, ",") {
			item = strings.TrimSpace(item)
			p, err := parsePattern(item)
			require.NoError(t, err)
			if !strings.Contains(item, "/") {
				item = "*/" + item
			}
			want, err := path.Match(strings.ToLower(item), strings.ToLower(project+"/"+logstore))
			require.NoError(t, err)
			require.Equal(t, want, p.allows([]byte(project), []byte(logstore), nil, nil), item)
		}
	})
}

// FuzzAllowed: whatever a record and a tag hold, what comes out is allowed or the
// default.
func FuzzAllowed(f *testing.F) {
	r := configured(f, "project", "$p|main", "logstore", "$l['b']|$TAG[1]|none", "topic", "$l", "tags", "p=$p",
		"allow_destinations", "team-*/app-?*, main/*x", "default_project", "home", "default_logstore", "misc")
	f.Add("kube.app-x", event(f, "p", "team-a", "l", map[string]any{"b": "App_1"}).Record)
	f.Add("kube", event(f, "p", "Home", "l", map[string]any{"b": "x"}).Record)
	f.Fuzz(func(t *testing.T, tag string, record []byte) {
		ev := &loggroup.Event{Record: record}
		d := routeOne(r, tag, ev)
		require.Equal(t, d, routeOne(r, tag, ev))
		name := d.Project + "/" + d.Logstore
		require.Regexp(t, `^(team-[a-z0-9-]*/app-[a-z0-9_-]+|main/[a-z0-9_-]*x|home/misc)$`, name)
	})
}

package route

import "fluent-bit-sls/shared/template"

// Named is a name and the option that it stands in.
type Named struct {
	Name   string // "" = none
	Option string // "" = none: a template's own defaults make the name
}

// Static is the destination that is known without a record: project and logstore
// where they are no templates, else their static defaults, else what the templates
// come to when all they read is missing.
func (c *Config) Static() (project, logstore Named) {
	return static(&projectRules, c.Project, "project", c.DefaultProject, "default_project"),
		static(&logstoreRules, c.Logstore, "logstore", c.DefaultLogstore, "default_logstore")
}

func static(rules *template.NameRules, value, option, fallback, fallbackOption string) Named {
	t, err := rules.Parse(value)
	switch {
	case err != nil:
		return Named{}
	case t.Needs == template.NeedNothing:
		return Named{t.Static(), option}
	case fallback != "":
		return Named{fallback, fallbackOption}
	}
	return Named{Name: t.WithoutValues()}
}

// Home is d with the static defaults of project and logstore. Records go there when a
// template gives no name. chosen is false when no template has chosen d.
func (r *Router) Home(d Destination) (home Destination, chosen bool) {
	home = d
	home.Project, home.Logstore = string(r.home.project), string(r.home.logstore)
	return home, home != d
}

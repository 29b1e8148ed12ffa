package route

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"fluent-bit-sls/shared/template"
)

// pattern is one of allow_destinations, in lower case: "*" stands for any run of
// characters within the value of a variable, also none, and "?" for one. An empty project
// is any, and so is a name of nothing but "*".
type pattern struct{ project, logstore string }

func parsePattern(s string) (p pattern, err error) {
	project, logstore, both := strings.Cut(s, "/")
	if !both {
		project, logstore = "", s
	}
	switch {
	case logstore == "" || both && project == "":
		return p, errors.New("a logstore, or project/logstore, expected")
	case strings.Contains(logstore, "/"):
		return p, errors.New("one / at most: project/logstore")
	}
	for _, side := range []struct {
		rules *template.NameRules
		text  string
	}{{&projectRules, project}, {&logstoreRules, logstore}} {
		for i := range len(side.text) {
			if c := side.text[i]; c != '*' && c != '?' && !side.rules.CanHold(c) {
				return p, fmt.Errorf("%s cannot hold %q", side.rules.What, template.FirstRune(side.text[i:]))
			}
		}
	}
	return pattern{strings.ToLower(project), strings.ToLower(logstore)}, nil
}

// checkPatterns is called with a value that option has split already.
func checkPatterns(value string) error {
	for item := range strings.SplitSeq(value, ",") {
		item = strings.TrimSpace(item)
		if _, err := parsePattern(item); err != nil {
			return fmt.Errorf("pattern %q: %w", item, err)
		}
	}
	return nil
}

// allows tells whether p has the destination. Names are compared without case:
// what a template gives is in lower case, what is typed may not be.
func (p *pattern) allows(project, logstore []byte, ofProject, ofLogstore *template.Naming) bool {
	return (p.project == "" || glob(p.project, project, ofProject)) && glob(p.logstore, logstore, ofLogstore)
}

// glob matches in at most len(pattern) times len(name) steps: once a "*" has matched,
// those before it need not be tried again. Neither "*" nor "?" takes a character that
// stands between the variables of the name. No value has such a character, so no match
// reaches from one value into another.
func glob(pattern string, name []byte, of *template.Naming) bool {
	if pattern == "*" {
		return true
	}
	stops := func(c byte) bool { return of != nil && of.Stops(c) }
	at, star, from := 0, -1, 0
	for i := 0; i < len(name); {
		switch {
		case at < len(pattern) && pattern[at] == '*':
			star, from = at, i
			at++
		case at < len(pattern) && (pattern[at] == '?' && !stops(name[i]) || pattern[at] == lower(name[i])):
			at++
			i++
		case star >= 0 && !stops(name[from]):
			from++
			at, i = star+1, from
		default:
			return false
		}
	}
	return strings.Trim(pattern[at:], "*") == ""
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		c |= 0x20
	}
	return c
}

// requirePatterns refuses a configuration in which whoever writes a record could
// choose the project or logstore freely. Tags are no better than records: forwarders,
// filters and the names of files make them.
func (c *Config) requirePatterns() error {
	project, projectErr := projectRules.Parse(c.Project)
	logstore, logstoreErr := logstoreRules.Parse(c.Logstore)
	if projectErr != nil || logstoreErr != nil {
		return nil //nolint:nilerr // the options' own checks report what is no template
	}
	ofProject := project.Needs != template.NeedNothing
	option, value, pattern, from := "logstore", c.Logstore, example(&logstore), logstore.Needs
	if ofProject {
		option, value, pattern, from = "project", c.Project, example(&project)+"/"+example(&logstore), project.Needs
	}
	if from == template.NeedNothing {
		return nil
	}
	if len(c.AllowDestinations) == 0 {
		return fmt.Errorf("option allow_destinations: needed, because %s = %q takes names from %s;"+
			" say which they may be: add for example the line `allow_destinations %s`", option, value, origin(from), pattern)
	}
	for _, p := range c.AllowDestinations {
		if ofProject && !strings.Contains(p, "/") {
			return fmt.Errorf("option allow_destinations: %q names no project, but project = %q takes it from %s:"+
				" write project/logstore, for example %s", p, value, origin(from), pattern)
		}
	}
	if logstore.Needs != template.NeedNothing && !slices.ContainsFunc(c.AllowDestinations, func(p string) bool { return mayCome(&logstore, p) }) {
		return fmt.Errorf("option allow_destinations: no pattern fits what logstore = %q comes to:"+
			" each * stands for a part of one variable's value, for example %s", c.Logstore, pattern)
	}
	return nil
}

// origin says where a template's values come from.
func origin(n template.Need) string {
	if n == template.NeedTag {
		return "tags"
	}
	return "records"
}

// mayCome tells whether t could come to a name of the pattern, by what stands between
// its variables.
func mayCome(t *template.Template, pattern string) bool {
	if _, logstore, both := strings.Cut(pattern, "/"); both {
		pattern = logstore
	}
	if pattern == "*" {
		return true
	}
	count := func(s string) (n int) {
		for i := range len(s) {
			if t.Name.Stops(s[i]) {
				n++
			}
		}
		return n
	}
	typed := 0
	for i := range t.Parts {
		n := count(t.Parts[i].Text)
		if n > 0 && t.Parts[i].Alternates != nil {
			return true // a default with more of them
		}
		typed += n
	}
	return count(pattern) == typed
}

// example is a pattern for what t may come to.
func example(t *template.Template) string {
	var b strings.Builder
	for i := range t.Parts {
		if t.Parts[i].Alternates == nil {
			b.WriteString(t.Parts[i].Text)
		} else if !strings.HasSuffix(b.String(), "*") {
			b.WriteByte('*')
		}
	}
	if b.String() == "*" {
		return "app-*"
	}
	return b.String()
}

package route

import (
	"errors"
	"fmt"
	"strings"
)

// pattern is one of allow_destinations, in lower case: "*" stands for any run of
// characters, also none, and "?" for one. An empty project is any.
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
		rules *nameRules
		text  string
	}{{&projectRules, project}, {&logstoreRules, logstore}} {
		for i := range len(side.text) {
			if c := side.text[i]; !isLetter(c) && !isDigit(c) && c != '*' && c != '?' && !side.rules.inner(c) {
				return p, fmt.Errorf("%s cannot hold %q", side.rules.what, firstRune(side.text[i:]))
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
func (p *pattern) allows(project, logstore []byte) bool {
	return (p.project == "" || glob(p.project, project)) && glob(p.logstore, logstore)
}

// glob matches in at most len(pattern) times len(name) steps: behind a "*" that has
// matched, the ones before it need not be tried again.
func glob(pattern string, name []byte) bool {
	at, star, from := 0, -1, 0
	for i := 0; i < len(name); {
		switch {
		case at < len(pattern) && pattern[at] == '*':
			star, from = at, i
			at++
		case at < len(pattern) && (pattern[at] == '?' || pattern[at] == lower(name[i])):
			at++
			i++
		case star >= 0:
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
// choose the project or logstore freely.
func (c *Config) requirePatterns() error {
	project, projectErr := parse(c.Project)
	logstore, logstoreErr := parse(c.Logstore)
	if projectErr != nil || logstoreErr != nil {
		return nil //nolint:nilerr // the options' own checks report what is no template
	}
	ofProject, ofLogstore := project.needs == needRecord, logstore.needs == needRecord
	option, value, example := "logstore", c.Logstore, logstore.example()
	if ofProject {
		option, value, example = "project", c.Project, project.example()+"/"+logstore.example()
	}
	if len(c.AllowDestinations) == 0 && (ofProject || ofLogstore) {
		return fmt.Errorf("option allow_destinations: needed, because %s = %q takes names from records;"+
			" say which they may be, for example allow_destinations %s", option, value, example)
	}
	for _, p := range c.AllowDestinations {
		if ofProject && !strings.Contains(p, "/") {
			return fmt.Errorf("option allow_destinations: %q names no project, but project = %q takes it from records:"+
				" write project/logstore, for example %s", p, value, example)
		}
	}
	return nil
}

// example is a pattern for what t may come to.
func (t *template) example() string {
	var b strings.Builder
	for i := range t.parts {
		if t.parts[i].alternates == nil {
			b.WriteString(t.parts[i].text)
		} else if !strings.HasSuffix(b.String(), "*") {
			b.WriteByte('*')
		}
	}
	if b.String() == "*" {
		return "app-*"
	}
	return b.String()
}

package credentials

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"slices"
	"strings"

	"fluent-bit-sls/shared/option"
)

// Validate checks what spans two options: what the kind needs and is not set, and what is
// set and the kind does not use, which is a mistake. All problems come joined, each
// naming its option; join them with those of option.Parse. It does no network.
func (c *Config) Validate() error {
	kind := c.Resolved()
	var problems []error
	needs := c.needs()
	last := ""
	for _, n := range needs {
		if err := n.check(kind); err != nil && n.option != last {
			last = n.option
			problems = append(problems, err)
		}
	}
	if id, secret, token := needs[0], needs[1], needs[2]; kind == AssumeRole && (id.set || secret.set || token.set) {
		problems = append(problems, id.whole(), secret.whole())
	}
	return errors.Join(problems...)
}

func (n need) check(kind Kind) error {
	switch {
	case n.set && !slices.Contains(n.kinds, kind):
		return fmt.Errorf("option %s: set, but not used with credentials %s; only with %s", n.option, kind, strings.Join(n.kinds, ", "))
	case n.set || !slices.Contains(n.required, kind):
		return nil
	case n.env == "":
		return fmt.Errorf("option %s: not set, but required with credentials %s", n.option, kind)
	case os.Getenv(n.env) == "":
		return fmt.Errorf("option %s: not set, nor is %s in the environment, but required with credentials %s", n.option, n.env, kind)
	}
	return nil
}

// whole reports a key that is missing while others are set: a role is assumed with all of
// them or with none.
func (n need) whole() error {
	if n.set {
		return nil
	}
	return fmt.Errorf("option %s: not set, but required with the other keys", n.option)
}

// String lists the options with their secrets masked, whatever verb or logger
// prints the struct.
func (c Config) String() string { return option.Effective(c.Options()) }

// GoString is String.
func (c Config) GoString() string { return c.String() }

// LogValue is String.
func (c Config) LogValue() slog.Value { return slog.StringValue(c.String()) }

func checkKey(value string) error {
	for i := range len(value) {
		if value[i] <= ' ' || value[i] > '~' {
			return errors.New("contains spaces or control characters")
		}
	}
	return nil
}

func checkARN(value string) error {
	if parts := strings.Split(value, ":"); len(parts) != 5 || parts[0] != "acs" || parts[1] != "ram" || parts[3] == "" || parts[4] == "" {
		return errors.New("not a RAM resource name")
	}
	return nil
}

func checkHost(value string) error {
	u, err := url.Parse("https://" + value)
	if err != nil || u.Host != value || u.Hostname() == "" || u.User != nil {
		return errors.New("not a host name")
	}
	return nil
}

func checkURI(value string) error {
	u, err := url.Parse(value)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return errors.New("not an http or https URL")
	}
	return nil
}

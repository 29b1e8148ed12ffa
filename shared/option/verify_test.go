package option_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/shared/option"
)

func TestReserved(t *testing.T) {
	f := func(dir option.Direction, want bool, names ...string) {
		t.Helper()
		for _, name := range names {
			require.Equal(t, want, option.Reserved(dir, name), "direction %d, name %q", dir, name)
		}
	}
	f(option.Output, true, "name", "Match", "match_regex", "alias", "log_level",
		"log_suppress_interval", "host", "port", "ipv6", "retry_limit", "workers",
		"storage.total_limit_size", "net.", "net.keepalive", "oauth2", "oauth2.token_url", "oauth2_x",
		"tls", "tls.verify", "tls.verify_hostname", "tls.debug", "tls.vhost", "tls.ca_path",
		"tls.ca_file", "tls.crt_file", "tls.key_file", "tls.key_passwd", "tls.min_version",
		"tls.max_version", "tls.ciphers", "tls.proxy.x", "tls.windows.certstore_name")
	f(option.Output, false, "tag", "routable", "network", "net", "tls_x", "threaded", "mem_buf_limit",
		"storage.type", "endpoint", "project", "logstore", "access_key_id", "topic", "hash_key", "hosts")
	f(option.Input, true, "name", "tag", "alias", "log_level", "log_suppress_interval", "routable",
		"mem_buf_limit", "listen", "host", "port", "ipv6", "net.dns.mode", "oauth2", "oauth2.x", "tls",
		"tls_anything", "tls.verify", "storage.type", "storage.pause_on_chunks_overlimit", "Threaded",
		"thread.ring_buffer.capacity", "rate_window", "rate_gate", "rate_gate_x")
	f(option.Input, false, "match", "retry_limit", "workers", "thread", "rate_limit", "endpoint",
		"consumer_group", "start_position", "storage.total_limit_size")
}

func TestVerifyAcceptsGoodDeclarations(t *testing.T) {
	opts := (&sample{}).options()
	require.Empty(t, option.Verify(opts, option.Output))
	require.Empty(t, option.Verify(opts, option.Input))
}

// verifyOne makes o a declaration that has no mistakes but its own.
func verifyOne(o option.Option) []string {
	if o.Name == "" {
		o.Name = "opt"
	}
	if o.Help == "" {
		o.Help = "Help."
	}
	return option.Verify([]option.Option{o}, option.Output)
}

func TestVerifyFindsMistakes(t *testing.T) {
	var (
		s    string
		b    bool
		n    int
		d    time.Duration
		size option.Size
		list []string
		f    float64
	)
	check := func(string) error { return errors.New("no") }
	for want, o := range map[string]option.Option{
		`option "workers": the engine reserves the name`:                    {Name: "workers", Dst: &s},
		`option "net.x": the engine reserves the name`:                      {Name: "net.x", Dst: &s},
		`option "Name2": the name is not snake_case`:                        {Name: "Name2", Dst: &s},
		`option "a__b": the name is not snake_case`:                         {Name: "a__b", Dst: &s},
		`option "2a": the name is not snake_case`:                           {Name: "2a", Dst: &s},
		`option "a-b": the name is not snake_case`:                          {Name: "a-b", Dst: &s},
		`option "opt": Dst is a nil pointer or of unknown type <nil>`:       {},
		`option "opt": Dst is a nil pointer or of unknown type *string`:     {Dst: (*string)(nil)},
		`option "opt": Dst is a nil pointer or of unknown type *float64`:    {Dst: &f},
		`option "opt": default "x": not a boolean`:                          {Dst: &b, Default: "x"},
		`option "opt": default "0": too small`:                              {Dst: &n, Default: "0", Min: "1"},
		`option "opt": default "2h": too large`:                             {Dst: &d, Default: "2h", Max: "1h"},
		`option "opt": default "gz": not one of the values it can have`:     {Dst: &s, Default: "gz", Enum: []string{"a"}},
		`option "opt": default "x": no`:                                     {Dst: &s, Default: "x", Check: check, Allowed: "y"},
		`option "opt": white space around the default`:                      {Dst: &s, Default: "x "},
		`option "opt": required, yet has a default`:                         {Dst: &s, Default: "x", Required: true},
		`option "opt": a secret has no default`:                             {Dst: &s, Default: "x", Secret: true},
		`option "opt": only free text can be secret`:                        {Dst: &d, Secret: true},
		`option "opt": bound "5": a duration needs a unit: write 5s or 5ms`: {Dst: &d, Min: "5"},
		`option "opt": bound "x": not a whole number`:                       {Dst: &n, Max: "x"},
		`option "opt": Min "2M" is above Max "1M"`:                          {Dst: &size, Min: "2M", Max: "1M"},
		`option "opt": a string has no Min and Max`:                         {Dst: &s, Min: "1"},
		`option "opt": a bool has no Enum`:                                  {Dst: &b, Enum: []string{"on"}},
		`option "opt": Enum value "" cannot be typed`:                       {Dst: &s, Enum: []string{""}},
		`option "opt": Enum value "a,b" cannot be typed`:                    {Dst: &list, Enum: []string{"a,b"}},
		`option "opt": Enum value "A" is listed twice`:                      {Dst: &s, Enum: []string{"a", "A"}},
		`option "opt": Check without Allowed: say what it accepts`:          {Dst: &s, Check: check},
		`option "opt": no Help`:                                             {Dst: &s, Help: " "},
		`option "opt": Help or Allowed holds a line break or a pipe`:        {Dst: &s, Help: "a\nb"},
	} {
		require.Contains(t, verifyOne(o), want)
	}
	require.NotEmpty(t, verifyOne(option.Option{Dst: &s, Help: "a|b"}))
	require.NotEmpty(t, verifyOne(option.Option{Dst: &s, Allowed: "a|b"}))
	require.Len(t, verifyOne(option.Option{Dst: map[string]int{}}), 1, "a Dst that cannot be compared")
}

func TestVerifyFindsDoubles(t *testing.T) {
	var a, b string
	require.Equal(t, []string{
		`option "x": the name is declared twice`,
		`option "y": Dst is also that of "x"`,
	}, option.Verify([]option.Option{
		{Name: "x", Dst: &a, Help: "h"},
		{Name: "x", Dst: &b, Help: "h"},
		{Name: "y", Dst: &a, Help: "h"},
	}, option.Output))
}

package option

import "strings"

// Direction tells the two plugins apart: the engine reserves other names for
// each.
type Direction int

// The directions of a Fluent Bit plugin.
const (
	Output Direction = iota
	Input
)

// Reserved reports whether the engine keeps a property of that name, in any case, for
// itself. A plugin that declared it would read "" whatever the user typed. Source:
// property handling in src/flb_output.c and src/flb_input.c of Fluent Bit v5.1.1.
func Reserved(dir Direction, name string) bool {
	name = strings.ToLower(name)
	for _, pattern := range reservedNames(dir) {
		prefix, wild := strings.CutSuffix(pattern, "*")
		if name == pattern || wild && strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// reservedNames lists names, and with a trailing * prefixes of names.
func reservedNames(dir Direction) []string {
	if dir == Input {
		return []string{
			"name", "tag", "alias", "log_level", "log_suppress_interval", "routable",
			"mem_buf_limit", "listen", "host", "port", "ipv6", "net.*", "oauth2*", "tls*",
			"storage.type", "storage.pause_on_chunks_overlimit", "threaded", "thread.*",
			"rate_window", "rate_gate*",
		}
	}
	return []string{
		"name", "match", "match_regex", "alias", "log_level", "log_suppress_interval",
		"host", "port", "ipv6", "retry_limit", "workers", "storage.total_limit_size",
		"net.*", "oauth2*", "tls", "tls.verify", "tls.verify_hostname", "tls.debug",
		"tls.vhost", "tls.ca_path", "tls.ca_file", "tls.crt_file", "tls.key_file",
		"tls.key_passwd", "tls.min_version", "tls.max_version", "tls.ciphers",
		"tls.proxy.*", "tls.windows.*",
	}
}

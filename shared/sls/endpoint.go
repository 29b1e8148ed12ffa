package sls

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/aliyun/aliyun-log-go-sdk/util"
)

// endpoint is where requests go. SLS tells projects apart by the Host header, which is
// always project.endpoint. An IP address or localhost has no such names. There the
// connection goes to the address itself, and the Host header and the signature stay those
// of production.
type endpoint struct {
	scheme string        // "http" or "https"
	host   string        // lower case, with the port if one was given
	direct bool          // host is an IP address or localhost: connect to it as it is
	region string        // what V4 signatures are for; "" = V1 is used
	v4     *atomic.Int32 // what is known of V4 there: v4Untried ...; nil = V1 is used
}

// parseEndpoint reads host[:port] or http(s)://host[:port]; no scheme means
// https. A trailing slash is dropped (the SDK would turn it into "//logstores").
func parseEndpoint(raw string) (endpoint, error) {
	ep, err := splitEndpoint(raw)
	if err != nil {
		return endpoint{}, fmt.Errorf("endpoint %q: %w (expected host[:port] or http(s)://host[:port])",
			shorten(redactUserinfo(raw), 200), err)
	}
	return ep, nil
}

func splitEndpoint(raw string) (endpoint, error) {
	rest := strings.TrimSpace(raw)
	scheme := "https"
	if i := strings.Index(rest, "://"); i >= 0 {
		scheme, rest = strings.ToLower(rest[:i]), rest[i+3:]
		if scheme != "http" && scheme != "https" {
			return endpoint{}, errors.New("unknown scheme")
		}
	}
	rest = strings.TrimRight(rest, "/")
	if rest == "" {
		return endpoint{}, errors.New("no host")
	}
	if len(rest) > maxHostLength {
		return endpoint{}, errors.New("too long")
	}
	if strings.ContainsRune(rest, '@') {
		return endpoint{}, errors.New("user and password do not belong here")
	}
	if strings.ContainsAny(rest, "/?#\\") {
		return endpoint{}, errors.New("a path or query does not belong here")
	}
	name, port, err := splitPort(rest)
	if err != nil {
		return endpoint{}, err
	}
	return newEndpoint(scheme, strings.ToLower(name), port)
}

// maxHostLength is DNS's limit on a name plus room for a port.
const maxHostLength = 253 + len(":65535")

// splitPort separates the port. Unlike net.SplitHostPort it takes hosts
// without one, and a bare IPv6 address only within brackets.
func splitPort(hostport string) (name, port string, err error) {
	name = hostport
	if i := strings.LastIndexByte(hostport, ':'); i > strings.LastIndexByte(hostport, ']') {
		name, port = hostport[:i], hostport[i+1:]
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 || port[0] == '+' {
			return "", "", errors.New("the port must be a number from 1 to 65535")
		}
		port = ":" + strconv.FormatUint(n, 10)
	}
	return name, port, nil
}

func newEndpoint(scheme, name, port string) (endpoint, error) {
	if inner, ok := strings.CutPrefix(name, "["); ok {
		inner, closed := strings.CutSuffix(inner, "]")
		addr, err := netip.ParseAddr(inner)
		if err != nil || !addr.Is6() || !closed {
			return endpoint{}, errors.New("not an IPv6 address in brackets")
		}
		if addr.Zone() != "" {
			return endpoint{}, errors.New("an IPv6 zone cannot be sent in a Host header")
		}
		return endpoint{scheme: scheme, host: "[" + addr.String() + "]" + port, direct: true}, nil
	}
	if addr, err := netip.ParseAddr(name); err == nil && addr.Is4() {
		return endpoint{scheme: scheme, host: addr.String() + port, direct: true}, nil
	}
	if err := checkName(name); err != nil {
		return endpoint{}, err
	}
	return endpoint{scheme: scheme, host: name + port, direct: name == "localhost"}, nil
}

// checkName accepts host names only: what it lets through is written into the
// URL and the Host header without further escaping.
func checkName(name string) error {
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 {
			return errors.New("not a host name")
		}
		for _, c := range []byte(label) {
			if !isNameByte(c) {
				return errors.New("not a host name")
			}
		}
	}
	return nil
}

func isNameByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_'
}

// loopback reports whether the endpoint is on this host.
func (e endpoint) loopback() bool {
	if !e.direct {
		return false
	}
	u := url.URL{Host: e.host}
	addr, err := netip.ParseAddr(u.Hostname())
	return err != nil || addr.Unmap().IsLoopback() // the one direct name is localhost
}

// url is the endpoint as a user would type it.
func (e endpoint) url() string { return e.scheme + "://" + e.host }

// hostHeader is the Host a request to the project carries, and signs.
func (e endpoint) hostHeader(project string) string {
	return project + "." + e.host
}

// urlHost is the host part of the URL: what net/http connects to and what it
// pools connections by. With https and an IP address the certificate must be
// valid for that address, and no server name is sent: net/http's own rule.
func (e endpoint) urlHost(hostHeader string) string {
	if e.direct {
		return e.host
	}
	return hostHeader
}

// redactUserinfo keeps a password someone typed into the endpoint out of the
// error that refuses it.
func redactUserinfo(raw string) string {
	at := strings.LastIndexByte(raw, '@')
	if at < 0 {
		return raw
	}
	start := 0
	if i := strings.Index(raw[:at], "://"); i >= 0 {
		start = i + 3
	}
	return raw[:start] + "***" + raw[at:]
}

// checkProject refuses project names that could not be one DNS label: they
// would change where the request goes.
func checkProject(project string) error {
	if project == "" || len(project) > 63 {
		return fmt.Errorf("project %q: must have 1 to 63 characters", shorten(project, 80))
	}
	for _, c := range []byte(project) {
		if !isNameByte(c) {
			return fmt.Errorf("project %q: only letters, digits, - and _ are allowed", shorten(project, 80))
		}
	}
	return nil
}

// escapeQuery builds a query from key, value pairs. Spaces become %20, not +:
// servers agree on the former only.
func escapeQuery(pairs ...string) string {
	var b strings.Builder
	for i := 0; i+1 < len(pairs); i += 2 {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(pairs[i])
		b.WriteByte('=')
		b.WriteString(strings.ReplaceAll(url.QueryEscape(pairs[i+1]), "+", "%20"))
	}
	return b.String()
}

// ownRegion is the region that the endpoint's name tells, "" if none, as the SDK reads
// it: cn-hangzhou of cn-hangzhou-intranet.log.aliyuncs.com. The suffix -internal is
// from Alibaba Cloud's gateway, which reads the same names.
func (e endpoint) ownRegion() string {
	region, err := util.ParseRegion(e.host)
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(region, "-internal")
}

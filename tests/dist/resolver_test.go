package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/tests/e2e"
	"fluent-bit-sls/tests/slsfake"
)

// insideVar tells the test that it runs where it may change /etc.
const insideVar = "SLS_TEST_OWN_ETC"

// A release has Go's resolver in place of glibc's: /etc/hosts, search domains and IPv6 work
// as they did. The test runs itself where /etc can be changed without anybody noticing.
func TestNamesAreResolved(t *testing.T) {
	if os.Getenv(insideVar) == "" {
		program, err := os.Executable()
		require.NoError(t, err)
		unshare := exec.CommandContext(t.Context(), "unshare", "--mount", "true")
		if err := unshare.Run(); err != nil {
			fmt.Println("report: the resolver of the plugins was not tried: unshare --mount:", err)
			return
		}
		cmd := exec.CommandContext(t.Context(), "unshare", "--mount", program, "-test.run", "^TestNamesAreResolved$", "-test.v")
		cmd.Env = append(os.Environ(), insideVar+"=1")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		require.Contains(t, string(out), "--- PASS: TestNamesAreResolved/an_address_of_IPv6")
		return
	}
	t.Chdir("../..")
	plugins, err := e2e.FindPlugins("build")
	require.NoError(t, err)
	plugins, err = plugins.Abs()
	require.NoError(t, err)
	hosts, err := e2e.Hosts(t.Context(), plugins, t.TempDir())
	require.NoError(t, err)
	server := serveNames(t, map[string]net.IP{
		project + ".sls.search.example": net.IPv4(127, 0, 0, 1).To4(),
		project + ".six.example":        net.IPv6loopback,
	})
	mountFile(t, "/etc/hosts", "127.0.0.1 localhost "+project+".in-the-file\n::1 localhost\n")
	mountFile(t, "/etc/resolv.conf", "nameserver "+server+"\nsearch nothing.example search.example\noptions ndots:5 timeout:2\n")
	for _, c := range []struct{ name, listen, host string }{
		{"a name of etc hosts", "127.0.0.1:0", "in-the-file"},
		{"a name below a search domain", "127.0.0.1:0", "sls"},
		{"an address of IPv6", "[::1]:0", "six.example"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := slsfake.New(slsfake.Config{AccessKeyID: "key", AccessKeySecret: "secret"})
			t.Cleanup(s.Close)
			endpoint, err := s.Listen(c.listen)
			require.NoError(t, err)
			s.CreateLogstore(project, logstore, 1)
			u, err := url.Parse(endpoint)
			require.NoError(t, err)
			file := filepath.Join(t.TempDir(), "lines")
			require.NoError(t, os.WriteFile(file, []byte("one\ntwo\n"), 0o600))
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			out, err := hosts[0].Ship(ctx, file, map[string]string{
				"endpoint": "http://" + c.host + ":" + u.Port(), "project": project, "logstore": logstore,
				"access_key_id": "key", "access_key_secret": "secret", "request_timeout": "5s",
			})
			require.NoError(t, err)
			err = s.Wait(ctx, func() bool { return s.LogCount(project, logstore) == 2 })
			require.NoError(t, err, "%s", out.Log())
			require.NoError(t, out.Stop(ctx))
		})
	}
}

// mountFile puts text in the place of a file, for this process and its children.
func mountFile(t *testing.T, name, text string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	require.NoError(t, syscall.Mount(file, name, "", syscall.MS_BIND, ""))
}

// serveNames is a name server that knows these names; it returns its address, with the port 53.
func serveNames(t *testing.T, names map[string]net.IP) string {
	t.Helper()
	conn, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "udp", "127.53.53.53:53")
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	go func() {
		buf := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return // closed
			}
			if answer := answerName(buf[:n], names); answer != nil {
				_, _ = conn.WriteTo(answer, from)
			}
		}
	}()
	return "127.53.53.53"
}

// answerName answers the question of a DNS message (RFC 1035, 4.1), nil where there is none.
func answerName(query []byte, names map[string]net.IP) []byte {
	if len(query) < 12 {
		return nil
	}
	var labels []string
	rest := query[12:]
	for len(rest) > 0 && rest[0] != 0 && len(rest) > int(rest[0]) {
		labels = append(labels, string(rest[1:1+rest[0]]))
		rest = rest[1+rest[0]:]
	}
	if len(rest) < 5 {
		return nil
	}
	question := query[12 : len(query)-len(rest)+5]
	kind := binary.BigEndian.Uint16(rest[1:])
	ip, known := names[strings.ToLower(strings.Join(labels, "."))]
	code, answers := byte(0), byte(0)
	var answer bytes.Buffer
	switch {
	case !known:
		code = 3 // no such name
	case kind == 1 && len(ip) == 4, kind == 28 && len(ip) == 16: // A, AAAA
		answers = 1
		answer.Write([]byte{0xc0, 12, 0, byte(kind), 0, 1, 0, 0, 0, 60, 0, byte(len(ip))})
		answer.Write(ip)
	}
	head := []byte{query[0], query[1], 0x84 | query[2]&1, 0x80 | code, 0, 1, 0, answers, 0, 0, 0, 0}
	return append(append(head, question...), answer.Bytes()...)
}

package startup

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"

	"fluent-bit-sls/shared/credentials"
	"fluent-bit-sls/shared/sls"
)

// unclear stands for a sentence where an answer says nothing about the configuration.
const unclear = "?"

// explain says in one sentence what err, the answer of a call, means and how to mend it.
// It returns "" when records have made the name that SLS does not have.
func (c *Check) explain(t *Target, err error) string {
	sentence := c.sentence(t, err)
	if sentence == unclear {
		return fmt.Sprintf("cannot tell yet whether %s can be %s: %s", t, c.Verb, err)
	}
	return sentence
}

func (c *Check) sentence(t *Target, err error) string {
	var e *sls.Error
	switch {
	case !errors.As(err, &e):
		return unclear
	case e.Status != 0 && e.Code != "":
		return c.refused(t, e)
	case e.Mend == "proxy":
		return fmt.Sprintf("the proxy does not lead to %s (%s); check option proxy, and HTTPS_PROXY, HTTP_PROXY and NO_PROXY in the environment", c.Client.Endpoint(), cause(e))
	case e.Status >= http.StatusInternalServerError:
		return unclear // a gateway that has lost its server
	case e.Status != 0:
		return fmt.Sprintf("what answers at %s is not SLS (HTTP %d: %s); check option endpoint, its port and whether it begins with http:// or https://, and option proxy",
			c.Client.Endpoint(), e.Status, strings.TrimSpace(e.Message))
	case e.Class == sls.ClassCredentials && c.Conn.Credentials.Resolved() == credentials.Auto:
		return fmt.Sprintf("there is no access key to sign with; set access_key_id and access_key_secret, or have option credentials find them: there were none elsewhere (%s)", e.Err)
	case e.Class == sls.ClassCredentials:
		return fmt.Sprintf("there is no access key to sign with (%s); check %s", e.Err, e.Mend)
	case e.Class == sls.ClassConfiguration:
		return err.Error() // the name is not allowed, so nothing was sent
	}
	return c.unreachable(t, e)
}

func cause(e *sls.Error) string {
	if e.Err != nil {
		return e.Err.Error()
	}
	return strings.TrimSpace(fmt.Sprintf("HTTP %d %s", e.Status, e.Message))
}

// unreachable explains why there was no answer at all.
func (c *Check) unreachable(t *Target, e *sls.Error) string {
	at := c.Client.Endpoint()
	var dns *net.DNSError
	var record tls.RecordHeaderError
	var cert *tls.CertificateVerificationError
	var network net.Error
	switch {
	case errors.As(e.Err, &dns) && dns.IsNotFound && strings.HasPrefix(dns.Name, t.Project+"."+t.Project+"."):
		return fmt.Sprintf("there is no host %s; option endpoint goes without the project, as in cn-hangzhou.log.aliyuncs.com", dns.Name)
	case errors.As(e.Err, &dns) && dns.IsNotFound:
		return fmt.Sprintf("there is no host %s; check the spelling of option endpoint (as in cn-hangzhou.log.aliyuncs.com), and the DNS of this host", dns.Name)
	case errors.As(e.Err, &dns):
		return fmt.Sprintf("the DNS of this host does not answer for %s; check it, then option endpoint", dns.Name)
	case errors.Is(e.Err, syscall.ECONNREFUSED):
		return fmt.Sprintf("nothing listens at %s; check option endpoint, its port and whether it begins with http:// or https://", at)
	case errors.As(e.Err, &cert):
		return c.certificate(at, cert)
	case errors.As(e.Err, &record), errors.Is(e.Err, http.ErrSchemeMismatch):
		return fmt.Sprintf("%s does not speak TLS; check option endpoint: its port, or http:// in place of https://", at)
	case errors.Is(e.Err, sls.ErrTimeout), errors.Is(e.Err, context.DeadlineExceeded),
		errors.Is(e.Err, syscall.ENETUNREACH), errors.Is(e.Err, syscall.EHOSTUNREACH),
		errors.As(e.Err, &network) && network.Timeout():
		return fmt.Sprintf("%s does not answer; check option endpoint (one with -intranet answers within its region of Alibaba Cloud only), option proxy, and the network of this host and its firewalls", at)
	}
	return unclear
}

func (c *Check) certificate(at string, err error) string {
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, &unknown):
		return fmt.Sprintf("the certificate of %s is from an authority that this host does not trust; check option endpoint, or name the authority's certificate in option ca_file", at)
	case errors.As(err, &name):
		return fmt.Sprintf("the certificate of %s is for another name; check option endpoint", at)
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return fmt.Sprintf("the certificate of %s is not valid at the time that this host has, %s; check the clock of this host, then option endpoint", at, time.Now().UTC().Format(time.DateTime))
	}
	return fmt.Sprintf("the certificate of %s is not accepted (%s); check option endpoint", at, err)
}

// refused explains an answer that has an error code of SLS.
func (c *Check) refused(t *Target, e *sls.Error) string {
	switch {
	case sls.IsCode(e, "Unauthorized"):
		return c.unauthorized(t, e)
	case sls.IsCode(e, "InvalidAccessKeyId"), sls.IsCode(e, "MissAccessKeyId"):
		return c.unknownKey()
	case sls.IsCode(e, "SignatureNotMatch"):
		return c.signature()
	case e.Class == sls.ClassClock:
		return fmt.Sprintf("SLS does not accept the time of this host (%s); set its clock (NTP)", e.Message)
	case sls.IsCode(e, "ProjectNotExist"):
		return ifNamed(t.ProjectOption, "there is no project %q at %s; check option %s, and that option endpoint is that of the project's region", t.Project, c.Client.Endpoint(), t.ProjectOption)
	case sls.IsCode(e, "ProjectForbidden"):
		return ifNamed(t.ProjectOption, "project %q of option %s is disabled, for overdue payment or by an administrator; see the console of SLS", t.Project, t.ProjectOption)
	case sls.IsCode(e, "LogStoreNotExist"):
		return ifNamed(t.LogstoreOption, "project %q has no logstore %q; check option %s, or create the logstore", t.Project, t.Logstore, t.LogstoreOption)
	case sls.IsCode(e, "LogStoreWithoutShard"):
		return ifNamed(t.LogstoreOption, "logstore %q of option %s has no shard; see the console of SLS", t.Logstore, t.LogstoreOption)
	}
	return unclear
}

// ifNamed returns "" when no option gives the name.
func ifNamed(opt, format string, args ...any) string {
	if opt == "" {
		return ""
	}
	return fmt.Sprintf(format, args...)
}

// unauthorized goes by the message, because SLS has one code for many reasons
// (https://www.alibabacloud.com/help/en/sls/developer-reference/error-codes).
func (c *Check) unauthorized(t *Target, e *sls.Error) string {
	says := func(text string) bool { return strings.Contains(strings.ToLower(e.Message), text) }
	if action, resource, ok := sls.Denied(e); ok {
		return c.denied(t, action, resource)
	}
	switch {
	case says("accesskeyid not found"):
		return c.unknownKey()
	case says("disabled"), says("inactive"):
		return "the access key is disabled; enable it in the RAM console, or " + c.replace()
	case says("token") && says("expired"):
		return "the security token has expired; " + c.replace() + ", or have option credentials fetch keys that are renewed"
	case says("token"):
		return "the security token is not that of the access key, or is missing; " + c.replace()
	case says("not belong"):
		return ifNamed(t.ProjectOption, "project %q belongs to another account; check option %s, or use a key or role of that account", t.Project, t.ProjectOption)
	}
	return fmt.Sprintf("SLS does not let the access key in (%s); check %s, and that a RAM policy allows it %s on %s",
		e.Message, c.keys("access_key_id"), t.Action, t.resource())
}

// denied explains a missing permission: the key is known and its signature is right.
func (c *Check) denied(t *Target, action, resource string) string {
	if t.ProjectOption == "" || t.LogstoreOption == "" && t.Logstore != "" {
		return "" // no option gives the name, and records may never come to it
	}
	if action == t.Action {
		resource = t.resource()
	}
	return fmt.Sprintf("the access key is right, but %s cannot be %s with it; allow it the RAM action %s on %s", t, c.Verb, action, resource)
}

func (c *Check) unknownKey() string {
	return "SLS does not know the access key id, or no longer; check " + c.keys("access_key_id")
}

func (c *Check) signature() string {
	text := "the signature does not match: the secret is not that of the access key id; check " + c.keys("access_key_secret")
	if c.Conn.SignVersion == sls.SignV4 && c.Conn.Region != "" {
		text += fmt.Sprintf(", and that option region, %q, is the region of option endpoint", c.Conn.Region)
	}
	return text
}

// replace says how to set other keys.
func (c *Check) replace() string {
	if c.fetched() {
		return "check " + c.keys("")
	}
	return "replace access_key_id, access_key_secret and, if there is one, security_token together"
}

// keys returns the option to look at: the one of that name if the keys are in the
// configuration.
func (c *Check) keys(name string) string {
	if c.fetched() {
		return "option credentials = " + c.Conn.Credentials.Resolved() + " and the options that belong to it"
	}
	return "option " + name
}

// fetched tells whether the keys come from elsewhere than the configuration.
func (c *Check) fetched() bool { return c.Conn.Credentials.Resolved() != credentials.Static }

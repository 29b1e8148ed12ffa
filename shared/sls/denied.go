package sls

import (
	"regexp"
)

// deniedPattern is how the service words a missing permission, with code
// Unauthorized and status 401: "denied by sts or ram, action: log:ListShards,
// resource: acs:log:cn-hangzhou:1234:project/p/logstore/l".
var deniedPattern = regexp.MustCompile(`denied by sts or ram, action: (log:[A-Za-z]+), resource: (acs:log:[A-Za-z0-9:/_.*-]+)`)

// Denied returns the RAM action and the resource for which err says that the key
// has no permission; ok is false when it says something else.
func Denied(err error) (action, resource string, ok bool) {
	if e := asError(err); e != nil {
		if m := deniedPattern.FindStringSubmatch(e.Message); m != nil {
			return m[1], m[2], true
		}
	}
	return "", "", false
}

// mendDenied is what to look at when the key is right and its permissions are not;
// "" when that is not what e says.
func mendDenied(e *Error) string {
	if action, _, ok := Denied(e); ok {
		return "RAM action " + action
	}
	return ""
}

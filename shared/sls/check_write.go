package sls

import (
	"context"
	"net/http"
)

// notALogGroup is text: its first byte is no field that protobuf has (wire type 6).
const notALogGroup = "fluent-bit-sls startup check: this is no log group"

// CheckWrite finds out whether PutLogs would be let in, and writes nothing. It is PutLogs
// with a body that is no log group. The server refuses that as a whole ("Protobuffer
// content cannot be parsed", PostBodyInvalid), but only when it finds nothing else to
// refuse. It needs no other permission than PutLogs. An answer about the body proves
// endpoint, key, signature, clock, project, logstore and that permission.
//
// nil means that PutLogs would be let in, at the server's own pace.
func (l Logstore) CheckWrite(ctx context.Context) error {
	r := request{
		op: "check writing to", project: l.Project, logstore: l.Name, needName: true,
		method:      http.MethodPost,
		contentType: typeProtobuf,
		body:        []byte(notALogGroup),
		rawSize:     len(notALogGroup),
	}
	err := l.client.do(ctx, &r)
	if class := ClassOf(err); err != nil && (class == ClassSplit || class == ClassThrottle) {
		return nil
	}
	return err
}

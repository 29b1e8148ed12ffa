package sls

import (
	"context"
	"net/http"
)

// Body is one LogGroup message on its way out.
type Body struct {
	Data    []byte // the message, compressed with Codec
	RawSize int    // its length before compression
	Codec   Codec
	// Processor is the ingest processor of the project that processes the logs
	// before they are stored; "" = that of the logstore, if it has one.
	Processor string
}

// PutLogs writes one log group: POST /logstores/L, or with a hash key
// POST /logstores/L/shards/route?key=K, which goes to the shard whose range the
// key (32 hex digits) is in. Without one the server balances over the shards.
// With a processor, &processor=P on either (PostLogStoreLogs of the SDK).
//
// nil means that the server has accepted every log of the group. b.Data is the
// caller's again when PutLogs returns, whatever it returns. Empty Data is no
// request.
func (l Logstore) PutLogs(ctx context.Context, b Body, hashKey string) error {
	if len(b.Data) == 0 {
		return nil
	}
	r := request{
		op: "put logs to", project: l.Project, logstore: l.Name, needName: true,
		method:      http.MethodPost,
		contentType: typeProtobuf,
		body:        b.Data,
		rawSize:     b.RawSize,
		compress:    b.Codec,
	}
	var pairs []string
	if hashKey != "" {
		r.path = "/shards/route"
		pairs = append(pairs, "key", hashKey)
	}
	if b.Processor != "" {
		pairs = append(pairs, "processor", b.Processor)
	}
	r.query = escapeQuery(pairs...)
	return l.client.do(ctx, &r)
}

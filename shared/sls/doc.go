// Package sls is a thin, context-aware client of Alibaba Cloud Simple Log
// Service: one method per API call the plugins use, over net/http, with the
// signers and the credential interface of the official SDK.
//
// It owns the wire: endpoint and Host, signing (V1 and V4) with a clock kept
// in step with the server's, connection pooling, time-outs, limits on every
// answer, compression, and the one table that turns the server's error codes
// into classes.
//
// It never retries (but for one immediate resend when the server refuses a
// request for its time), never waits, never logs, starts no goroutine of its
// own except to keep a slow credential provider cancellable, and knows nothing
// about batches, consumers or Fluent Bit. What to do about an error is its
// caller's choice: ClassOf says what kind it is.
//
// Why not the SDK's own client: its calls take no context and cannot be
// cancelled, it retries on its own, hides 5xx codes behind "ClientError", keeps
// two idle connections and reads bodies without a limit.
package sls

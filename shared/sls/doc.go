// Package sls is a thin, context-aware client of Alibaba Cloud Simple Log
// Service: one method per API call the plugins use, over net/http, with the
// signers and the credential interface of the official SDK.
//
// It owns the wire: which endpoint is in use and its Host, TLS and proxy, signing
// (V1 and V4) with a clock kept in step with the server's, connection pooling,
// time-outs, limits on every answer, compression, and the one table that turns
// the server's error codes into classes; and the options that say how to connect.
//
// It never retries what may have been carried out: a request is sent again at
// once only when the server refused it for its time or its credentials and that
// could be mended, or when the endpoint could not be connected to and there is
// another. It never waits, logs nothing but that another endpoint is used, starts
// no goroutine of its own, and knows nothing about batches, consumers or Fluent Bit.
// What to do about an error is its caller's choice: ClassOf says what kind it is.
//
// call.go is the way of a request, to be read downwards. A file for each kind of call
// (put_logs.go, pull_logs.go, ...) builds one and reads its answer. errors_table.go has
// SLS's codes and their classes, failure.go what else goes wrong. signature.go decides
// on the version, sign.go signs; transport.go connects, failover.go chooses the endpoint.
//
// Why not the SDK's own client: its calls take no context and cannot be
// cancelled, it retries on its own, hides 5xx codes behind "ClientError", keeps
// two idle connections and reads bodies without a limit.
package sls

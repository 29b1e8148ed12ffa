// Package slsfake emulates Alibaba Cloud Simple Log Service: what kfake is to
// Kafka. It is strict (what the service refuses, it refuses, with the
// service's status and code), stateful (hash ranges, split and merge, cursors,
// leases, checkpoints), scriptable (hooks see every call and may fail, delay,
// cut or replace it) and inspectable (every stored log and who wrote it, every
// lease and checkpoint, every request counted). The official SDK's clients,
// producer and consumer library work against it unchanged.
//
// It owns no policy of the plugins and shares no code with them: log groups,
// signatures and cursors are verified with code of its own, so that what the
// one side gets wrong the other notices.
//
// # Use
//
//	s := slsfake.New(slsfake.Config{})
//	defer s.Close()
//	s.CreateLogstore("proj", "store", 2)
//	client := &http.Client{Transport: s.Transport()} // any endpoint, e.g. http://emu.local
//
// Transport and DialContext reach the server in memory, whatever the address:
// the whole stack then runs inside a testing/synctest bubble, where leases,
// delays and quotas take no real time (call New inside the bubble). Listen
// serves a real loopback address as well. The project is the first label of
// the Host header: proj.emu.local, proj.127.0.0.1:8089.
//
// # How a request goes
//
// serve.go takes each request through: read the body, find the operation
// (route.go), authenticate (auth.go, auth_v1.go, auth_v4.go), show it to the
// hooks (hooks.go), carry it out (a file per operation), answer. The error
// codes are in errors.go, search statements in query.go, the state in store.go and consumer_group.go, the
// sharing out of shards in assignment.go.
//
// What is no part of the service is under /_slsfake/ (admin.go): a page for people with
// its events (page.html, events.go), logs and faults as JSON (faults.go). data.go keeps
// the state in a file.
//
// # Time
//
// Signatures are judged and groups stamped by the server's clock, which is
// time.Now plus SetClockOffset. Leases, quotas and delays use the machine's
// clock and timers directly.
//
// # Limits of the emulation
//
// Each operation's file says what it does not implement. In general: one
// region, one account and no permissions beyond keys; no analytic statements
// (but the little SQL of GetProjectLogs), scans, processors, metric stores or web
// tracking; no time to live
// (TrimShard and ExpireBefore do its work on request); no automatic split. Where no source at
// hand says what the service does, the code says so beside its choice. All data
// is kept in memory until Close's caller lets go of the Server; OpenData keeps it in a
// folder, too.
package slsfake

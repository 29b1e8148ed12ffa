package rig

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"fluent-bit-sls/tests/slsfake"
)

// What the emulator knows.
const (
	Project   = "bench"
	Written   = "written" // logstore of the outputs; soon forgotten, or it would fill the memory
	KeyID     = "testkey"
	KeySecret = "testsecret"
	Shards    = 8
)

// Endpoint is one of those that users have, for requests that never leave the
// process: with default options they are signed V4, for Region.
const (
	Endpoint = "http://" + Region + ".log.aliyuncs.com"
	Region   = "cn-hangzhou"
)

// LabEnv holds, as JSON, the Lab that a benchmark is to use. Where it is not set
// a benchmark starts one in its own process, and its CPU times are worth nothing.
const LabEnv = "SLS_BENCH_LAB"

// Lab says where the emulator is reached.
type Lab struct {
	Endpoint string // of the SLS emulator, http://host:port
	Control  string // of the lab itself
	Dead     string // an endpoint that accepts connections and says nothing
}

// Counts is what the emulator has taken in of PutLogs, and given out.
type Counts struct {
	Requests, Refused int
	Logs, RawIn       int64
	RawOut            int64
}

// Order is what a benchmark asks of the emulator.
type Order struct {
	Delay time.Duration // of each PutLogs from now on
	Fill  *Fill
}

// Fill makes a logstore that holds Copies chunks of a data set in each shard.
type Fill struct {
	Logstore, Set  string
	Shards, Copies int
}

// Filled says what a Fill has stored.
type Filled struct {
	Records  int64
	RawBytes int64 // of the log groups
}

// server is the emulator's side of a Lab.
type server struct {
	sls *slsfake.Server
}

// Serve runs a lab until ctx ends. ready gets its addresses once.
func Serve(ctx context.Context, ready func(Lab)) error {
	s := &server{sls: slsfake.New(slsfake.Config{AccessKeyID: KeyID, AccessKeySecret: KeySecret})}
	defer s.sls.Close()
	s.sls.CreateLogstore(Project, Written, Shards)
	endpoint, err := s.sls.Listen("127.0.0.1:0")
	if err != nil {
		return err
	}
	var listen net.ListenConfig
	dead, err := listen.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer dead.Close() //nolint:errcheck // the process ends
	control, err := listen.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /counts", s.counts)
	mux.HandleFunc("POST /order", s.order)
	web := &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	defer web.Close() //nolint:errcheck // the process ends
	go s.forget(ctx)
	go swallow(dead)
	go func() { _ = web.Serve(control) }() // ends with Close
	ready(Lab{Endpoint: endpoint, Control: "http://" + control.Addr().String(), Dead: "http://" + dead.Addr().String()})
	<-ctx.Done()
	return nil
}

// swallow accepts connections, reads what comes and answers nothing.
func swallow(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			_, _ = io.Copy(io.Discard, conn)
			_ = conn.Close()
		}()
	}
}

// forget drops what the outputs have written.
func (s *server) forget(ctx context.Context) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			s.sls.ExpireBefore(Project, Written, now)
		}
	}
}

func (s *server) counts(w http.ResponseWriter, _ *http.Request) {
	ops := s.sls.Stats().Ops
	put := ops[slsfake.OpPutLogs]
	reply(w, Counts{
		Requests: put.Requests, Refused: put.Requests - put.ByStatus[http.StatusOK],
		Logs: put.Logs, RawIn: put.RawIn, RawOut: ops[slsfake.OpPullLogs].RawOut,
	}, nil)
}

func (s *server) order(w http.ResponseWriter, r *http.Request) {
	var o Order
	if err := json.NewDecoder(r.Body).Decode(&o); err != nil {
		reply(w, nil, err)
		return
	}
	if o.Fill == nil {
		s.sls.Hook(slsfake.OpPutLogs, func(c *slsfake.Call) { c.Delay(o.Delay) }) // the last one holds
		reply(w, nil, nil)
		return
	}
	filled, err := s.fill(r.Context(), *o.Fill)
	reply(w, filled, err)
}

func reply(w http.ResponseWriter, v any, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	_ = json.NewEncoder(w).Encode(v) // the client sees a broken answer
}

// ask sends one order to a lab.
func (l Lab) ask(ctx context.Context, method, path string, body io.Reader, v any) error {
	req, err := http.NewRequestWithContext(ctx, method, l.Control+path, body)
	if err != nil {
		return err
	}
	transport := &http.Transport{DisableKeepAlives: true} // leaves nothing behind
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // it was only read
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = errors.New(string(text))
	}
	if err == nil {
		err = json.Unmarshal(text, v)
	}
	if err != nil {
		return fmt.Errorf("lab: %s %s: %w", method, path, err)
	}
	return nil
}

// Env is the lab as an entry of an environment.
func (l Lab) Env() (string, error) {
	text, err := json.Marshal(l)
	return LabEnv + "=" + string(text), err
}

// labOf reads LabEnv.
func labOf() (Lab, bool, error) {
	var l Lab
	text, ok := os.LookupEnv(LabEnv)
	if !ok {
		return l, false, nil
	}
	if err := json.Unmarshal([]byte(text), &l); err != nil {
		return l, true, fmt.Errorf("%s=%q: %w", LabEnv, text, err)
	}
	return l, true, nil
}

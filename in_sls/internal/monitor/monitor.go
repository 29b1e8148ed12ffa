// Package monitor reads from Fluent Bit's own monitoring server what the engine
// still holds of one input. It owns nothing but the connection to it, keeps no
// state between two reports, and decides nothing.
package monitor

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"fluent-bit-sls/in_sls/internal/handover"
)

// path is the engine's metrics in the Prometheus text format. /api/v1/storage has
// the same numbers of chunks, but nothing that shows how old they are.
const path = "/api/v2/metrics/prometheus"

// maxReport bounds what is read of an answer. A report on a hundred inputs has 300 kB.
const maxReport = 16 << 20

// emitterPrefix begins the names of the inputs through which filters (rewrite_tag,
// multiline, log_to_metrics) put records back into the pipeline. Fluent Bit names them
// emitter_for_FILTER.N unless the filter has an emitter_name. An earlier name of
// multiline's begins in the same way.
const emitterPrefix = "emitter_for_"

// The metrics a report is made of.
const (
	metricUptime  = "fluentbit_uptime"
	metricRecords = "fluentbit_input_records_total"
	metricChunks  = "fluentbit_input_storage_chunks"
	// metricAll has no label. It is of the report's own moment (v2.2 to v5.1,
	// flb_me_get_cmetrics), while the chunks by input are counted every 5 s.
	metricAll = "fluentbit_storage_chunks"
)

// Engine is a handover.Monitor over HTTP.
type Engine struct {
	url    string
	input  string
	others []string
	http   *http.Client
}

// New makes an Engine that asks the server at base, http(s)://host[:port], for the
// chunks of the input and of all emitters, those of others included.
func New(base, input string, others []string) *Engine {
	return &Engine{
		url: strings.TrimRight(base, "/") + path, input: input, others: others,
		// No proxy: the server is on this machine, or near it.
		http: &http.Client{Transport: &http.Transport{MaxIdleConns: 1, IdleConnTimeout: 30 * time.Second}},
	}
}

// Close closes the idle connection.
func (e *Engine) Close() { e.http.CloseIdleConnections() }

// Report implements handover.Monitor.
func (e *Engine) Report(ctx context.Context) (handover.Report, error) {
	report, err := e.report(ctx)
	if err != nil {
		return report, fmt.Errorf("read %s: %w", e.url, err)
	}
	return report, nil
}

func (e *Engine) report(ctx context.Context) (handover.Report, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, e.url, http.NoBody)
	if err != nil {
		return handover.Report{}, err
	}
	res, err := e.http.Do(req)
	if err != nil {
		return handover.Report{}, fmt.Errorf(
			"%w; set http_server on in the service section of Fluent Bit, and monitor_url if it does not listen there", errors.Unwrap(err))
	}
	defer func() {
		_, _ = io.CopyN(io.Discard, res.Body, 4096)
		_ = res.Body.Close()
	}()
	if res.StatusCode != http.StatusOK {
		return handover.Report{}, fmt.Errorf("answered %s; is monitor_url the address of Fluent Bit's http_server?", res.Status)
	}
	text := &io.LimitedReader{R: res.Body, N: maxReport}
	r, err := e.parse(text)
	if err == nil && text.N <= 0 {
		return handover.Report{}, fmt.Errorf("answered more than %d MiB, of which the rest may hold chunks", maxReport>>20)
	}
	return r, err
}

// parse adds up the numbers of a report. An answer that lacks the chunks of the input, or
// of one of the others, is an error: nothing may be taken for zero, and the engine lists
// every input from its start.
//
//	NAME{name="INPUT",...} VALUE [TIMESTAMP]
func (e *Engine) parse(text io.Reader) (handover.Report, error) {
	var r handover.Report
	uptime, seen := false, map[string]bool{}
	lines := bufio.NewScanner(text)
	lines.Buffer(make([]byte, 0, 64<<10), 1<<20)
	for lines.Scan() {
		name, labels, value, ok := sample(lines.Text())
		if !ok {
			continue
		}
		switch input := label(labels, "name"); name {
		case metricUptime:
			r.Uptime, uptime = int64(value), true
		case metricRecords:
			if input == e.input {
				r.Records = int64(value)
			}
		case metricAll:
			r.Empty = value == 0
		case metricChunks:
			named := input == e.input || slices.Contains(e.others, input)
			if named {
				seen[input] = true
			}
			if named || strings.HasPrefix(input, emitterPrefix) {
				r.Chunks += int(value)
			}
		}
	}
	switch {
	case lines.Err() != nil:
		return handover.Report{}, lines.Err()
	case !uptime:
		return handover.Report{}, errors.New("no fluentbit_uptime in the answer; is monitor_url the address of Fluent Bit's http_server?")
	case !seen[e.input]:
		return handover.Report{}, fmt.Errorf("no chunks of the input %q in the answer; set storage.metrics on in the service section of Fluent Bit", e.input)
	}
	for _, name := range e.others {
		if !seen[name] {
			return handover.Report{}, fmt.Errorf("no chunks of the input %q in the answer; option monitor_inputs names what Fluent Bit does not have", name)
		}
	}
	return r, nil
}

// sample takes a line of the text format apart. ok is false for comments and for what is no
// sample.
func sample(line string) (name, labels string, value float64, ok bool) {
	if line == "" || line[0] == '#' {
		return "", "", 0, false
	}
	end := strings.IndexAny(line, "{ ")
	if end < 0 {
		return "", "", 0, false
	}
	name, rest := line[:end], line[end:]
	if rest[0] == '{' {
		closing := strings.LastIndexByte(rest, '}')
		if closing < 0 {
			return "", "", 0, false
		}
		labels, rest = rest[1:closing], rest[closing+1:]
	}
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return "", "", 0, false
	}
	value, err := strconv.ParseFloat(fields[0], 64)
	return name, labels, value, err == nil && value >= 0 && value < 1<<53
}

// label returns the value of a label, "" where there is none.
//
//	KEY="VALUE",... with \\, \" and \n escaped in VALUE
func label(labels, key string) string {
	for labels != "" {
		k, rest, ok := strings.Cut(labels, `="`)
		if !ok {
			return ""
		}
		var value strings.Builder
		i := 0
		for ; i < len(rest) && rest[i] != '"'; i++ {
			if rest[i] == '\\' && i+1 < len(rest) {
				i++
				if rest[i] == 'n' {
					value.WriteByte('\n')
					continue
				}
			}
			value.WriteByte(rest[i])
		}
		if strings.TrimLeft(k, ", ") == key {
			return value.String()
		}
		if i >= len(rest) {
			return ""
		}
		labels = rest[i+1:]
	}
	return ""
}

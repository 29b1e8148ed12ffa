package slsfake

import (
	"cmp"
	"encoding/json"
	"math"
	"net/url"
	"slices"
	"strconv"
)

// GetLogs: GET /logstores/L?type=log&from=T&to=T[&query=Q][&topic=T][&line=N]
// [&offset=N][&reverse=B], and POST /logstores/L/logs, which newer SDKs send,
// with the same in a JSON object.
//
// Searches all that is stored, for logs whose time is within [from, to), in unix
// seconds (with nanoseconds in fromNs and toNs). The logstore must have an index;
// query.go says what a statement is and query_match.go what it finds. Logs come in
// the order of their time, the latest first with reverse; among equal times in
// that of writing. line is at most 100 (and the default), more is taken for 100.
// GET answers an array of logs and what it is about in headers, POST an object of
// "meta" and "data", compressed as Accept-Encoding says (lz4, zstd, deflate). Every
// answer is Complete. accurate, forward and powerSql change nothing here.
//
// Not implemented: analytic statements (behind "|"), scan mode (session),
// highlights; that logs are found only some time after they are written.
func (s *Server) getLogs(r *request) (answer, *apiError) {
	found, err := s.search(r, r.query)
	if err != nil {
		return answer{}, err
	}
	page, err := pageOf(r.query, found.logs)
	if err != nil {
		return answer{}, err
	}
	a, err := jsonAnswer(logsJSON(page))
	found.headers(&a, len(page))
	return a, err
}

// getLogsParams are what GetLogs knows, in the query string or in the body.
var getLogsParams = []string{
	"type", "from", "to", "topic", "query", "line", "offset", "reverse",
	"fromNs", "toNs", "accurate", "forward", "powerSql", "highlight", "session",
}

// getLogsV3 is GetLogs by POST.
func (s *Server) getLogsV3(r *request) (answer, *apiError) {
	q, err := bodyParams(r)
	if err != nil {
		return answer{}, err
	}
	found, err := s.search(r, q)
	if err != nil {
		return answer{}, err
	}
	page, err := pageOf(q, found.logs)
	if err != nil {
		return answer{}, err
	}
	meta := logsMeta{Progress: "Complete", WhereQuery: q.Get("query"), ProcessedRows: found.seen, Count: len(page), Mode: 0}
	a, err := jsonAnswer(struct {
		Meta logsMeta         `json:"meta"`
		Data []orderedStrings `json:"data"`
	}{meta, logsJSON(page)})
	if err != nil {
		return answer{}, err
	}
	a.set("X-Log-Bodyrawsize", strconv.Itoa(len(a.body)))
	return a, s.compressAnswer(r, &a)
}

// logsMeta is what an answer of POST says of itself, in the service's spelling.
type logsMeta struct {
	Progress       string  `json:"progress"`
	AggQuery       string  `json:"aggQuery"`
	WhereQuery     string  `json:"whereQuery"`
	HasSQL         bool    `json:"hasSQL"`
	ProcessedRows  int     `json:"processedRows"`
	ProcessedBytes int     `json:"processedBytes"`
	Elapsed        int     `json:"elapsedMillisecond"`
	CPUSeconds     float64 `json:"cpuSec"`
	CPUCores       float64 `json:"cpuCores"`
	Limited        int     `json:"limited"`
	Count          int     `json:"count"`
	TelemetryType  string  `json:"telementryType"`
	PowerSQL       bool    `json:"powerSql"`
	InsertedSQL    string  `json:"insertedSQL"`
	Mode           int     `json:"mode"`
	IsAccurate     bool    `json:"isAccurate"`
}

// bodyParams reads the body's object as a query string, held to the same list.
func bodyParams(r *request) (url.Values, *apiError) {
	var body map[string]json.RawMessage
	if err := jsonBody(r, &body); err != nil {
		return nil, err
	}
	q := url.Values{}
	for name, raw := range body {
		value := string(raw)
		switch value[0] {
		case '"':
			if err := json.Unmarshal(raw, &value); err != nil {
				return nil, fail(codeJSONInfoInvalid, "%s: %v", name, err)
			}
		case '{', '[':
			return nil, fail(codeJSONInfoInvalid, "%s is no value", name)
		case 'n': // null is as if it were left out
			continue
		}
		q.Set(name, value)
	}
	rt := route{op: OpGetLogs, params: getLogsParams}
	return q, rt.checkParams(q)
}

// found is what a search came to.
type found struct {
	logs []Log // by time, then as written
	seen int   // logs looked at
}

// search finds the logs that a query asks for.
func (s *Server) search(r *request, q url.Values) (found, *apiError) {
	s.mu.Lock()
	_, ix, err := s.indexLocked(r)
	s.mu.Unlock()
	if err != nil {
		return found{}, err
	}
	within, err := timeRange(q)
	if err != nil {
		return found{}, err
	}
	if err := checkSearchModes(q); err != nil {
		return found{}, err
	}
	match, err := parseQuery(q.Get("query"), ix)
	if err != nil {
		return found{}, err
	}
	var f found
	topic := q.Get("topic")
	for l := range s.EachLog(r.project, r.logstore) {
		f.seen++
		if within.holds(&l) && (topic == "" || l.Topic == topic) && match(&l) {
			f.logs = append(f.logs, l)
		}
	}
	slices.SortStableFunc(f.logs, func(a, b Log) int { return cmp.Compare(a.nanos(), b.nanos()) })
	return f, nil
}

// headers says of an answer of count entries what it is about.
func (f *found) headers(a *answer, count int) {
	a.set("X-Log-Progress", "Complete")
	a.set("X-Log-Count", strconv.Itoa(count))
	a.set("X-Log-Processed-Rows", strconv.Itoa(f.seen))
	a.set("X-Log-Elapsed-Millisecond", "0")
	a.set("X-Log-Has-Sql", "false")
}

// nanos is the log's time in unix nanoseconds.
func (l *Log) nanos() int64 {
	t := int64(l.Time) * 1e9
	if l.TimeNs != nil {
		t += int64(*l.TimeNs)
	}
	return t
}

// interval is [from, to) in unix nanoseconds.
type interval struct{ from, to int64 }

func (i interval) holds(l *Log) bool { return i.from <= l.nanos() && l.nanos() < i.to }

func timeRange(q url.Values) (interval, *apiError) {
	var i interval
	for name, dst := range map[string]*int64{"from": &i.from, "to": &i.to} {
		sec, err := strconv.ParseInt(q.Get(name), 10, 64)
		if err != nil || sec < 0 || sec > math.MaxUint32 {
			return i, fail(codeParameterInvalid, "The parameter %s must be a positive integer", name)
		}
		*dst = sec * 1e9
	}
	for name, dst := range map[string]*int64{"fromNs": &i.from, "toNs": &i.to} {
		ns, err := intOf(q, name, 0, 0, maxNanosec)
		if err != nil {
			return i, err
		}
		*dst += int64(ns)
	}
	if i.from >= i.to {
		return i, fail(codeInvalidTimeRange, "request time range is invalid: from %s is not before to %s", q.Get("from"), q.Get("to"))
	}
	return i, nil
}

// checkSearchModes refuses the ways of searching that are not implemented.
func checkSearchModes(q url.Values) *apiError {
	for _, name := range []string{"accurate", "forward", "powerSql"} {
		if _, err := boolOf(q, name); err != nil {
			return err
		}
	}
	if err := onlyAs(q, "session", ""); err != nil {
		return err
	}
	highlight, err := boolOf(q, "highlight")
	if err == nil && highlight {
		err = unsupported("highlight")
	}
	return err
}

// pageOf cuts out what offset, line and reverse ask for.
func pageOf(q url.Values, logs []Log) ([]Log, *apiError) {
	line, err := intOf(q, "line", 100, 0, math.MaxInt32)
	if err != nil {
		return nil, err
	}
	offset, err := intOf(q, "offset", 0, 0, math.MaxInt32)
	if err != nil {
		return nil, err
	}
	reverse, err := boolOf(q, "reverse")
	if err != nil {
		return nil, err
	}
	if reverse {
		slices.Reverse(logs)
	}
	from := min(offset, len(logs))
	return logs[from:min(from+min(line, 100), len(logs))], nil
}

// boolOf reads an optional boolean, in any case: the Python SDK sends True.
func boolOf(q url.Values, name string) (bool, *apiError) {
	v, err := strconv.ParseBool(cmp.Or(q.Get(name), "false"))
	if err != nil {
		return false, fail(codeParameterInvalid, "%s %q is not true or false", name, q.Get(name))
	}
	return v, nil
}

// onlyAs refuses a parameter unless it is left out, empty, or the one value that is
// implemented.
func onlyAs(q url.Values, name, value string) *apiError {
	if v := q.Get(name); v != "" && v != value {
		return unsupported(name + "=" + v)
	}
	return nil
}

// logsJSON are logs as answers show them: a string for each field.
func logsJSON(logs []Log) []orderedStrings {
	out := make([]orderedStrings, len(logs))
	for i, l := range logs {
		fields := orderedStrings{
			{"__source__", l.Source}, {"__time__", strconv.FormatUint(uint64(l.Time), 10)}, {"__topic__", l.Topic},
		}
		if l.TimeNs != nil {
			fields = append(fields, Pair{"__time_ns_part__", strconv.FormatUint(uint64(*l.TimeNs), 10)})
		}
		for k, v := range l.Tags {
			fields = append(fields, Pair{"__tag__:" + k, v})
		}
		slices.SortStableFunc(fields[3:], func(a, b Pair) int { return cmp.Compare(a.Key, b.Key) })
		out[i] = append(fields, l.Contents...)
	}
	return out
}

// orderedStrings is a JSON object of strings, in their order: the Java SDK's users
// take the first field for the topic. Of a name that comes again the last value
// stands.
type orderedStrings []Pair

// MarshalJSON makes an object of the pairs.
func (o orderedStrings) MarshalJSON() ([]byte, error) {
	at := map[string]int{}
	var kept []Pair
	for _, p := range o {
		if i, ok := at[p.Key]; ok {
			kept[i].Value = p.Value
			continue
		}
		at[p.Key] = len(kept)
		kept = append(kept, p)
	}
	b := []byte{'{'}
	for i, p := range kept {
		name, err := json.Marshal(p.Key)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(p.Value)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(append(b, name...), ':'), value...)
	}
	return append(b, '}'), nil
}

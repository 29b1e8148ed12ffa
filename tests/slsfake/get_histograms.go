package slsfake

// GetHistograms: GET /logstores/L?type=histogram&from=T&to=T[&query=Q][&topic=T]
//
// Counts the logs that GetLogs would find: an array of {"from", "to", "count",
// "progress"}, one for each part of [from, to). The parts are of equal length, 60
// at most, the last one may be shorter; production divides by a rule of its own.
// x-log-count is the sum.
//
// Not implemented: as in GetLogs; interval (0 may be sent), reverse (false may),
// one shard's histogram (shard).
func (s *Server) getHistograms(r *request) (answer, *apiError) {
	for name, value := range map[string]string{"interval": "0", "reverse": "false"} {
		if err := onlyAs(r.query, name, value); err != nil {
			return answer{}, err
		}
	}
	f, err := s.search(r, r.query)
	if err != nil {
		return answer{}, err
	}
	within, err := timeRange(r.query)
	if err != nil {
		return answer{}, err
	}
	a, err := jsonAnswer(histogram(within, f.logs))
	f.headers(&a, len(f.logs))
	return a, err
}

type histogramJSON struct {
	From     int64  `json:"from"`
	To       int64  `json:"to"`
	Count    int    `json:"count"`
	Progress string `json:"progress"`
}

const maxParts = 60

// histogram counts logs by parts of whole seconds.
func histogram(within interval, logs []Log) []histogramJSON {
	from, to := within.from/1e9, (within.to+1e9-1)/1e9
	width := (to - from + maxParts - 1) / maxParts
	var parts []histogramJSON
	for at := from; at < to; at += width {
		parts = append(parts, histogramJSON{From: at, To: min(at+width, to), Progress: "Complete"})
	}
	for i := range logs {
		parts[(int64(logs[i].Time)-from)/width].Count++
	}
	return parts
}

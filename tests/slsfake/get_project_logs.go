package slsfake

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// GetProjectLogs: GET /logs?query=SQL
//
// Of SQL it knows what official clients' tests ask, and no more:
//
//	select * | count(*) [as NAME] from LOGSTORE [where __time__ OP N [and ...]] [limit [OFFSET,] N] [;]
//
// with OP one of > >= < <= = and N whole unix seconds, in ' or not. The logstore
// must have an index. Without limit 100 rows are answered; 1,000 may be asked for,
// more is ParameterInvalid (the Java SDK's tests saw 1,000 served and 10,000
// refused), and so is a search statement in front. Anything else is NotSupported.
func (s *Server) getProjectLogs(r *request) (answer, *apiError) {
	if _, err := boolOf(r.query, "powerSql"); err != nil {
		return answer{}, err
	}
	q, err := parseSQL(r.query.Get("query"))
	if err != nil {
		return answer{}, err
	}
	s.mu.Lock()
	r.logstore = q.logstore
	_, err = s.projectOfLocked(r)
	if err == nil {
		_, _, err = s.indexLocked(r)
	}
	s.mu.Unlock()
	if err != nil {
		return answer{}, err
	}
	f := found{logs: []Log{}}
	for l := range s.EachLog(r.project, q.logstore) {
		f.seen++
		if !slices.ContainsFunc(q.where, func(c condition) bool { return !c.holds(int64(l.Time)) }) {
			f.logs = append(f.logs, l)
		}
	}
	slices.SortStableFunc(f.logs, func(a, b Log) int { return cmp.Compare(a.nanos(), b.nanos()) })
	rows := logsJSON(f.logs)
	if q.count != "" {
		rows = []orderedStrings{{{q.count, strconv.Itoa(len(f.logs))}}}
	}
	rows = rows[min(q.offset, len(rows)):min(q.offset+q.limit, len(rows))]
	a, err := jsonAnswer(rows)
	f.headers(&a, len(rows))
	a.set("X-Log-Has-Sql", "true")
	return a, err
}

// sqlQuery is a statement taken apart.
type sqlQuery struct {
	count         string // column of count(*); "" = select *
	logstore      string
	where         []condition
	offset, limit int
}

// condition compares a log's time.
type condition struct {
	op string
	n  int64
}

func (c condition) holds(t int64) bool {
	switch c.op {
	case ">":
		return t > c.n
	case ">=":
		return t >= c.n
	case "<":
		return t < c.n
	case "<=":
		return t <= c.n
	default:
		return t == c.n
	}
}

const maxRows = 1000

var (
	sqlRule = regexp.MustCompile(`(?is)^\s*select\s+(?:\*|count\s*\(\s*\*\s*\)(?:\s+as\s+([a-z_][a-z0-9_]*))?)` +
		`\s+from\s+([a-z0-9_-]+|"[a-z0-9_-]+")(?:\s+where\s+(.*?))?(?:\s+limit\s+(?:(\d{1,7})\s*,\s*)?(\d{1,7}))?\s*;?\s*$`)
	conditionRule = regexp.MustCompile(`(?i)^\s*__time__\s*(>=|<=|>|<|=)\s*(?:'(\d{1,10})'|(\d{1,10}))\s*$`)
	andRule       = regexp.MustCompile(`(?i)\sand\s`)
	countRule     = regexp.MustCompile(`(?i)^\s*select\s+count`)
)

func parseSQL(statement string) (sqlQuery, *apiError) {
	if head, _, _ := strings.Cut(statement, "|"); head != statement || strings.TrimSpace(statement) == "" {
		return sqlQuery{}, fail(codeParameterInvalid, "query must be one SQL statement")
	}
	m := sqlRule.FindStringSubmatch(statement)
	if m == nil {
		return sqlQuery{}, unsupported("this SQL statement")
	}
	q := sqlQuery{count: m[1], logstore: strings.Trim(m[2], `"`), limit: 100}
	if q.count == "" && countRule.MatchString(statement) {
		q.count = "_col0"
	}
	q.offset, _ = strconv.Atoi(m[4])
	if m[5] != "" {
		q.limit, _ = strconv.Atoi(m[5])
	}
	if q.limit > maxRows {
		return q, fail(codeParameterInvalid, "limit is more than %d", maxRows)
	}
	if m[3] == "" {
		return q, nil
	}
	for _, text := range andRule.Split(m[3], -1) {
		c := conditionRule.FindStringSubmatch(text)
		if c == nil {
			return q, unsupported("the condition " + text)
		}
		n, _ := strconv.ParseInt(c[2]+c[3], 10, 64)
		q.where = append(q.where, condition{c[1], n})
	}
	return q, nil
}

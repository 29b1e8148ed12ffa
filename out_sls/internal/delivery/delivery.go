package delivery

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"fluent-bit-sls/out_sls/internal/memory"
	"fluent-bit-sls/out_sls/internal/report"
	"fluent-bit-sls/out_sls/internal/schedule"
	"fluent-bit-sls/out_sls/internal/segment"
	"fluent-bit-sls/out_sls/internal/sequence"
	"fluent-bit-sls/shared/buffer"
	"fluent-bit-sls/shared/panics"
	"fluent-bit-sls/shared/sls"
)

// Config is what the user sets about sending.
type Config struct {
	Codec       sls.Codec
	Processor   string
	OldLogTime  string // one of OldTimes
	DeadLetters bool   // what SLS refuses is kept in dead_letter_file
}

// Delivery sends the requests of an instance. It is safe for concurrent use.
type Delivery struct {
	cfg     Config
	client  *sls.Client
	log     *report.Log
	metrics *report.Metrics
	panics  *panics.Guard
	buffers *buffer.Pool
	dense   atomic.Bool     // the last log group has shrunk by less than half
	numbers *sequence.Table // nil: writes have no sequence numbers
	// answered takes the answer to every request, where somebody listens.
	answered func(project, logstore string, err error)

	ctx    context.Context // ends the requests in flight
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

// New returns a delivery through client, which it does not close. What it sends lies in
// buffers, which segments may come from, too.
func New(cfg Config, client *sls.Client, buffers *buffer.Pool, log *report.Log, metrics *report.Metrics, guard *panics.Guard) *Delivery {
	ctx, cancel := context.WithCancel(context.Background())
	return &Delivery{
		cfg: cfg, client: client, buffers: buffers, log: log, metrics: metrics, panics: guard,
		answered: func(string, string, error) {}, ctx: ctx, cancel: cancel,
	}
}

// OnAnswer makes fn take the answer to every request. fn does not wait. Call OnAnswer
// before the first request.
func (d *Delivery) OnAnswer(fn func(project, logstore string, err error)) { d.answered = fn }

// Start sends r in a goroutine of its own.
func (d *Delivery) Start(r *schedule.Request) {
	d.panics.Go(&d.wg, "a request", func() {
		defer r.Done()
		d.run(r)
	})
}

// Cancel cuts off the requests in flight.
func (d *Delivery) Cancel() { d.cancel() }

// Wait waits until no request is left.
func (d *Delivery) Wait() { d.wg.Wait() }

// run sends a request. A panic would end the whole agent: it fails what has no answer. As
// after an answer that is not clear, some of that may be in SLS.
func (d *Delivery) run(r *schedule.Request) {
	send := func() { d.deliver(wholeOf(r)) }
	if d.numbers != nil {
		send = func() { d.once(r) }
	}
	if d.panics.Catch("a request, which fails", send, "project", r.Project, "logstore", r.Logstore) == nil {
		return
	}
	for _, s := range r.Segments() {
		if !s.Settled() {
			s.Settle()
		}
	}
}

// accepted takes note that SLS has accepted the logs of m, before anybody is told.
func (d *Delivery) accepted(m *message) {
	parts := m.parts()
	if len(parts) == 0 {
		return
	}
	list := make([]memory.Accepted, 0, len(parts))
	run := 0 // parts of one segment, which follow each other
	for i, p := range parts {
		if i > 0 && parts[i-1].of != p.of {
			run = 0
		}
		run++
		list = append(list, memory.Accepted{Outcome: p.of.segment.Outcome, Range: p.Range, Last: run == p.of.open})
		if p.rewritten {
			n := p.Count
			if m.run != nil {
				n = m.run.rewritten(m.run.rewrite)
			}
			d.metrics.Rewritten.With(m.request.Logstore).Add(uint64(n))
		}
	}
	if err := memory.Accept(list); err != nil {
		d.log.Error("state_path", "cannot write down what is delivered, after a kill it is sent again", "error", err)
	}
	for _, p := range parts {
		p.answered()
	}
}

// errElsewhere: the segments wait in other queues.
var errElsewhere = errors.New("they go another way")

// deliver sends a message until each part has its answer. It decides what becomes of them;
// attempts only says how it went.
func (d *Delivery) deliver(m *message) {
	if m.keep(func(g *logGroup) []part { return unsettled(g.parts) }); len(m.groups) == 0 {
		return
	}
	err := d.attempts(m)
	switch {
	case err == nil:
		d.accepted(m)
	case errors.Is(err, schedule.ErrAbandoned), errors.Is(err, errElsewhere):
		// The parts are settled, or another request's.
	case sls.ClassOf(err) == sls.ClassSplit:
		d.split(m, err)
	default: // what is missing is sent when the chunk comes back
		for _, p := range m.parts() {
			p.answered()
		}
	}
}

// attempts sends m until SLS has accepted it. The error says why it is not sent again.
func (d *Delivery) attempts(m *message) error {
	body := d.body(m)
	defer func() { d.buffers.Put(body.Data) }()
	for attempt := 0; ; attempt++ {
		err := d.put(m, &body)
		class := sls.ClassOf(err)
		switch {
		case err == nil, errors.Is(err, schedule.ErrStopped), errors.Is(err, schedule.ErrAbandoned), errors.Is(err, errNoNumber):
			return err
		case errors.Is(err, errForeign): // it goes out under another key
		case class == sls.ClassSplit && isOldTime(err) && d.mend(m, err):
			if len(m.groups) == 0 {
				return nil
			}
			refused := body.Data
			body, attempt = d.body(m), -1
			d.buffers.Put(refused) // not before: after a panic it would be put back twice
			continue
		case m.isBatch() && schedule.Refused(err):
			m.request.TakeApart()
			return errElsewhere
		case class == sls.ClassSplit && m.inDoubt():
			d.report(m.request, err)
		case class == sls.ClassSplit:
			return err
		case m.whole && m.request.Astray(err):
			if m.request.Believed(attempt) {
				d.reportAbsent(m.request, err)
				m.endTurn()
				m.request.Redirect()
				return errElsewhere
			}
		default:
			d.report(m.request, err)
			if !retryable(class) || m.request.Down() {
				return err
			}
		}
		if err := m.request.Pause(pause(attempt, err), m.giveUp); err != nil {
			return err
		}
		d.metrics.Retries.With(m.request.Logstore).Add(1)
	}
}

// mend deals with the logs of m whose time SLS does not take. It is false when that is not
// to be done in the message itself, or was done before.
func (d *Delivery) mend(m *message, err error) bool {
	if m.run != nil {
		return d.mendRun(m)
	}
	return d.mendTimes(m, err)
}

// put sends m once.
func (d *Delivery) put(m *message, body *sls.Body) (err error) {
	r := m.request
	if m.run != nil {
		if err := d.number(m); err != nil {
			return err
		}
	}
	if err := r.Begin(m.giveUp); err != nil {
		return err
	}
	begin := time.Now()
	err = &sls.Error{} // until there is an answer
	defer func() { d.reportNews(r, r.Answered(begin, m.isBatch(), err)) }()
	d.metrics.Sending(r.Logstore)
	to := d.client.Logstore(r.Project, r.Logstore)
	if m.isBatch() {
		err = to.PutBatch(d.ctx, body.Data, body.Codec)
	} else {
		err = to.PutLogs(d.ctx, *body, m.sending(body))
	}
	d.metrics.Answered(r.Logstore, m.logs(), body, time.Since(begin), err)
	d.answered(r.Project, r.Logstore, err)
	if m.run != nil {
		err = d.judge(m, err)
	}
	return err
}

// retryable tells whether sending again soon makes sense. What only a change of the
// configuration can mend goes back to the engine at once, which paces it.
func retryable(class sls.Class) bool {
	return class == sls.ClassRetry || class == sls.ClassThrottle || class == sls.ClassClock
}

// The pause before a request is sent again doubles from the first to the longest, which
// a flush_timeout has room for. A request is sent again for as long as a flush waits for
// it, so flush_timeout and retry_limit say how often.
const (
	firstPause   = 100 * time.Millisecond
	longestPause = 5 * time.Second
)

// pause is between half and the whole of firstPause doubled attempt times, at most
// longestPause, and never shorter than SLS asks for.
func pause(attempt int, err error) time.Duration {
	d := longestPause
	if firstPause < longestPause>>attempt {
		d = firstPause << attempt
	}
	d = d/2 + rand.N(d/2+1) //nolint:gosec // jitter is no secret
	var e *sls.Error
	if errors.As(err, &e) {
		d = max(d, e.RetryAfter)
	}
	return d
}

// split isolates the record that SLS refuses: first the segments of m apart, then halves of
// a part. A record that is refused alone can never be stored.
func (d *Delivery) split(m *message, err error) {
	parts := m.parts() // of one group: batches are taken apart before
	if len(parts) > 1 {
		for _, p := range parts {
			d.deliver(m.only(p))
		}
		return
	}
	p := parts[0]
	if p.Count > 1 {
		first, second := p.halve()
		p.of.open++
		d.deliver(m.only(first))
		d.deliver(m.only(second))
		return
	}
	d.refuse(&m.groups[0].to, p, err, false)
	p.answered()
}

// refuse takes note that SLS will never take the one record of a part; drop says that no
// dead letter is wanted of it.
func (d *Delivery) refuse(to *segment.Address, p part, err error, drop bool) {
	if drop || !d.cfg.DeadLetters {
		d.metrics.Dropped.With(to.Logstore, report.Reason(err)).Add(1)
	}
	d.reportRefused(to, len(p.body), err, drop)
	p.of.segment.Outcome.Lose(memory.Lost{Index: p.First, Reason: report.Reason(err), Dropped: drop})
}

// report logs a failed request. What only the operator can mend is an error.
func (d *Delivery) report(r *schedule.Request, err error) {
	log := d.log.Error
	if retryable(sls.ClassOf(err)) {
		log = d.log.Warn
	}
	log(report.Reason(err), "cannot write to SLS, it is tried again, by Fluent Bit as often as retry_limit allows",
		"project", r.Project, "logstore", r.Logstore, "error", err)
}

// reportRefused logs a record that SLS will never take.
func (d *Delivery) reportRefused(to *segment.Address, bytes int, err error, drop bool) {
	msg := "SLS refuses a record for good, it goes to dead_letter_file"
	switch {
	case drop:
		msg = "SLS refuses a record for its age, it is dropped as old_log_time says"
	case !d.cfg.DeadLetters:
		msg = "SLS refuses a record for good, it is dropped: set dead_letter_file to keep such records"
	}
	d.log.Error("refused", msg, "project", to.Project, "logstore", to.Logstore, "bytes", bytes, "error", err)
}

func (d *Delivery) reportAbsent(r *schedule.Request, err error) {
	home := r.Home()
	d.log.Warn("absent destination", "a template names what SLS does not have, its records go to the default destination",
		"project", r.Project, "logstore", r.Logstore, "default", home.Project+"/"+home.Logstore, "error", err)
}

func (d *Delivery) reportNews(r *schedule.Request, news schedule.News) {
	if over := news.Over; over != nil {
		d.log.Always().Warn("SLS answers again", "after", over.For.Round(time.Second), "handed_back", over.HandedBack)
	}
	if news.NoBatches {
		d.log.Always().Warn("SLS refuses a group batch and takes its groups one by one, no more batches are sent",
			"project", r.Project, "logstore", r.Logstore)
	}
}

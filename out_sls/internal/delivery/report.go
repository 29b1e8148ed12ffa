package delivery

import (
	"time"

	"fluent-bit-sls/out_sls/internal/report"
	"fluent-bit-sls/out_sls/internal/schedule"
	"fluent-bit-sls/out_sls/internal/segment"
	"fluent-bit-sls/shared/sls"
)

// report logs a failed request. What only the operator can mend is an error.
func (d *Delivery) report(r *schedule.Request, err error) {
	log := d.log.Error
	if retryable(sls.ClassOf(err)) {
		log = d.log.Warn
	}
	log(report.Reason(err), "cannot write to SLS, it is tried again, by Fluent Bit as often as retry_limit allows",
		"project", r.To.Project, "logstore", r.To.Logstore, "error", err)
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
		"project", r.To.Project, "logstore", r.To.Logstore, "default", home.Project+"/"+home.Logstore, "error", err)
}

func (d *Delivery) reportRecovery(over *schedule.Outage) {
	if over != nil {
		d.log.Always().Warn("SLS answers again", "after", over.For.Round(time.Second), "handed_back", over.HandedBack)
	}
}

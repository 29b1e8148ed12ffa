package startup

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"fluent-bit-sls/shared/sls"
)

// maxAnswers bounds the destinations of which Answers logs anything but failures: records
// can name any number.
const maxAnswers = 100

// Answers logs for each destination, once, what its first answer to a write means: that
// it takes records, or, in the sentences of the check, what is wrong and how to mend it.
// When something was wrong, it also logs once that the destination takes records.
type Answers struct {
	check *Check

	mu    sync.Mutex // guards what follows
	heard map[string]heard
	said  map[string]bool // lines: a wrong key is wrong for all destinations
}

type heard int

const (
	heardNothing heard = iota
	heardBad
	heardGood
)

// NewAnswers returns Answers that use the sentences of check, whose mode does not matter.
func NewAnswers(check *Check) *Answers {
	return &Answers{check: check, heard: map[string]heard{}, said: map[string]bool{}}
}

// Note takes the answer to a write to a logstore. It is safe for concurrent use.
func (a *Answers) Note(project, logstore string, err error) {
	class := sls.ClassOf(err)
	if err != nil && (class == sls.ClassSplit || class == sls.ClassThrottle || errors.Is(err, context.Canceled)) {
		return // SLS let the request in, but has accepted nothing yet; or a shutdown ended it
	}
	to := a.check.target(project, logstore)
	if err == nil {
		if a.turn(to.String(), heardGood) {
			a.say(slog.LevelInfo, to.String()+" has accepted its first records")
			a.say(slog.LevelWarn, a.check.clock())
		}
		return
	}
	finding := a.check.sentence(&to, err)
	if finding != "" && finding != unclear && a.turn(to.String(), heardBad) {
		a.say(slog.LevelWarn, finding)
	}
}

// turn tells whether the answer of a destination says something new.
func (a *Answers) turn(name string, now heard) bool {
	a.mu.Lock()
	before := a.heard[name]
	full := before == heardNothing && len(a.heard) == maxAnswers
	news := before < now && !full
	if news {
		a.heard[name] = now
	}
	a.mu.Unlock()
	if full {
		a.say(slog.LevelInfo, fmt.Sprintf("%d destinations have answered; of further ones only failures are logged", maxAnswers))
	}
	return news
}

// say logs a line, once.
func (a *Answers) say(level slog.Level, line string) {
	a.mu.Lock()
	news := line != "" && !a.said[line]
	if news {
		a.said[line] = true
	}
	a.mu.Unlock()
	if news {
		a.check.Log.Log(context.Background(), level, line)
	}
}

package main

import (
	"context"
	"math/rand/v2"
	"syscall"
	"time"
)

// hardship is what befalls a host that goes on living.
type hardship struct {
	*inputHost
	life   int
	engine *engine
	random *rand.Rand
	how    string // the host's end to come: it may be killed in the middle of anything
}

func (x *hardship) run(ctx context.Context) {
	if x.pausing {
		x.keepPausing(ctx)
		return
	}
	rest := 3000
	if x.engine != nil {
		rest = 12000 // each makes a barrier begin anew
	}
	for {
		wait(ctx, time.Duration(x.random.IntN(rest))*time.Millisecond)
		if ctx.Err() != nil {
			return
		}
		d := time.Duration(x.random.IntN(1500)) * time.Millisecond
		switch x.random.IntN(5) {
		case 0, 1:
			x.pause(ctx, d)
		case 2:
			x.freeze(ctx, d)
		case 3:
			if x.random.IntN(3) == 0 { // longer than a lease
				x.freeze(ctx, 6*time.Second+2*d)
			}
		}
	}
}

// keepPausing pauses the host again and again, for as long as it lives.
func (x *hardship) keepPausing(ctx context.Context) {
	for ctx.Err() == nil {
		d := time.Duration(200+x.random.IntN(300)) * time.Millisecond
		if wait(ctx, pausingEvery-d); ctx.Err() == nil {
			x.pause(ctx, d)
		}
	}
}

// pause makes the engine take nothing in for a while.
func (x *hardship) pause(ctx context.Context, d time.Duration) {
	if x.engine != nil {
		x.engine.pause(true)
	}
	if x.Pause() != nil {
		return // it has crashed; others find that
	}
	x.faults.count("pause")
	x.ledger.paused(x.life)
	if wait(ctx, d); ctx.Err() != nil && x.how == endKill {
		return
	}
	if x.engine != nil {
		x.engine.pause(false)
	}
	x.ledger.resumes(x.life)
	_ = x.Resume()
}

// freeze stops the process as a whole: its clocks go on.
func (x *hardship) freeze(ctx context.Context, d time.Duration) {
	x.faults.count("freeze")
	x.signal(syscall.SIGSTOP)
	if wait(ctx, d); ctx.Err() != nil && x.how == endKill {
		return
	}
	x.signal(syscall.SIGCONT)
}

func (x *hardship) signal(s syscall.Signal) {
	select {
	case <-x.Exited(): // the number may be another's by now
	default:
		_ = syscall.Kill(x.Pid(), s)
	}
}

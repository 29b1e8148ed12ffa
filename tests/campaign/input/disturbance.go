package input

import (
	"context"
	"math/rand/v2"
	"syscall"
	"time"

	"fluent-bit-sls/tests/campaign/input/engine"
	"fluent-bit-sls/tests/campaign/input/judge"
	"fluent-bit-sls/tests/campaign/plan"
	"fluent-bit-sls/tests/campaign/process"
)

// disturbance pauses and freezes a host that goes on living.
type disturbance struct {
	*host
	incarnation int
	engine      *engine.Engine
	random      *rand.Rand
	how         string // the host's end to come: it may be killed in the middle of anything
}

func (x *disturbance) run(ctx context.Context) {
	if x.pausing {
		x.keepPausing(ctx)
		return
	}
	rest := 3000
	if x.engine != nil {
		rest = 12000 // each makes a barrier begin anew
	}
	for {
		plan.Wait(ctx, time.Duration(x.random.IntN(rest))*time.Millisecond)
		if ctx.Err() != nil {
			return
		}
		d := time.Duration(x.random.IntN(1500)) * time.Millisecond
		switch x.random.IntN(5) {
		case 0, 1:
			x.pause(ctx, d)
		case 2:
			x.freeze(ctx, d)
		case 4:
			x.refuse(ctx, d)
		case 3:
			if x.random.IntN(3) == 0 { // longer than a lease
				x.freeze(ctx, 6*time.Second+2*d)
			}
		}
	}
}

// keepPausing pauses the host again and again, for as long as it lives.
func (x *disturbance) keepPausing(ctx context.Context) {
	for ctx.Err() == nil {
		d := time.Duration(200+x.random.IntN(300)) * time.Millisecond
		if plan.Wait(ctx, judge.PausingEvery-d); ctx.Err() == nil {
			x.pause(ctx, d)
		}
	}
}

// pause pauses the host's inputs for a while.
func (x *disturbance) pause(ctx context.Context, d time.Duration) {
	if x.engine != nil {
		x.engine.Pause(true)
	}
	if !x.told() {
		return // it has crashed; others find that
	}
	x.injector.Count("pause")
	if plan.Wait(ctx, d); ctx.Err() != nil && x.how == process.EndKill {
		return
	}
	if x.engine != nil {
		x.engine.Pause(false)
	}
	x.history.Resumes(x.incarnation)
	_ = x.Resume()
}

// freeze stops the process for a while. Its clocks go on.
func (x *disturbance) freeze(ctx context.Context, d time.Duration) {
	x.injector.Count("freeze")
	x.signal(syscall.SIGSTOP)
	if plan.Wait(ctx, d); ctx.Err() != nil && x.how == process.EndKill {
		return
	}
	x.signal(syscall.SIGCONT)
}

func (x *disturbance) signal(s syscall.Signal) {
	select {
	case <-x.Exited(): // the number may be another's by now
	default:
		_ = syscall.Kill(x.Pid(), s)
	}
}

// told pauses the host's inputs. Those that hand over directly hear of it late, when their
// threads are back in the engine's loop.
func (x *disturbance) told() bool {
	if !x.direct {
		if x.Pause() != nil {
			return false
		}
		x.history.Paused(x.incarnation)
		return true
	}
	x.history.Paused(x.incarnation)
	for _, i := range x.inputs {
		if i.PostPause() != nil {
			return false
		}
	}
	return true
}

// refuse makes the ring buffers of inputs that hand over directly full for a while, or lets a
// few appends fail. What others hand over meanwhile would be lost, as in Fluent Bit.
func (x *disturbance) refuse(ctx context.Context, d time.Duration) {
	if !x.direct {
		return
	}
	full := x.random.IntN(2) == 0
	if full {
		x.injector.Count("full ring")
	} else {
		x.injector.Count("failed appends")
	}
	for _, i := range x.inputs {
		if full {
			_ = i.FillRing(true) // an error: it has crashed; others find that
		} else {
			_ = i.FailAppends(1 + x.random.IntN(3))
		}
	}
	if d *= 2; full && x.random.IntN(3) == 0 { // longer than a lease
		d += 6 * time.Second
	}
	if full {
		plan.Wait(ctx, d)
	}
	for _, i := range x.inputs {
		_ = i.FillRing(false)
	}
}

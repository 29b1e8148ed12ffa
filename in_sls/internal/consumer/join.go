package consumer

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"fluent-bit-sls/shared/sls"
)

// Codes this package has to tell apart within a class.
const (
	codeShardNotExist = "ShardNotExist"
	codeGroupNotExist = "GroupNotExist"
	codeConsumerGroup = "ConsumerGroupNotExist"
)

func isGroupGone(err error) bool {
	return sls.IsCode(err, codeGroupNotExist) || sls.IsCode(err, codeConsumerGroup)
}

func isShardGone(err error) bool {
	return sls.IsCode(err, codeShardNotExist)
}

// retryAfter is the delay the server asked for, 0 if it did not.
func retryAfter(err error) time.Duration {
	if e := (*sls.Error)(nil); errors.As(err, &e) {
		return e.RetryAfter
	}
	return 0
}

// level of an error in the log: what the user has to mend is an error, what
// may pass is a warning.
func level(err error) slog.Level {
	switch sls.ClassOf(err) {
	case sls.ClassCredentials, sls.ClassConfiguration, sls.ClassPermanent:
		return slog.LevelError
	default:
		return slog.LevelWarn
	}
}

// tryJoin creates the consumer group or joins it as it is, and returns how
// long to wait before going on: until then timeout stays 0.
func (g *group) tryJoin(ctx context.Context) time.Duration {
	groups, err := g.logs.ListConsumerGroups(ctx)
	if err != nil {
		return g.joinFailed(ctx, err)
	}
	for _, found := range groups {
		if found.Name == g.cfg.ConsumerGroup {
			g.joined(found)
			return 0
		}
	}
	want := sls.ConsumerGroup{Name: g.cfg.ConsumerGroup, Timeout: g.cfg.HeartbeatTimeout, Order: g.cfg.InOrder}
	err = g.logs.CreateConsumerGroup(ctx, want)
	if err != nil && sls.ClassOf(err) == sls.ClassConflict {
		return beatGap // another member was faster: join what it made
	}
	if err != nil {
		return g.joinFailed(ctx, err)
	}
	g.log.Info("consumer group created", "group", want.Name, "timeout", want.Timeout)
	g.joined(want)
	return 0
}

// longestTimeout is that of the option heartbeat_timeout.
const longestTimeout = 10 * time.Minute

// joined takes the group as it is. The server expires members by the group's
// own timeout, so that is what the lease clock has to run by.
func (g *group) joined(found sls.ConsumerGroup) {
	if found.Timeout != g.cfg.HeartbeatTimeout || found.Order != g.cfg.InOrder {
		g.log.Warn("the consumer group exists with other settings, which are kept",
			"group", found.Name,
			"timeout", found.Timeout, "heartbeat_timeout", g.cfg.HeartbeatTimeout,
			"order", found.Order, "in_order", g.cfg.InOrder)
	}
	// Too many heartbeats do no harm, too few lose the shards.
	g.timeout = min(found.Timeout, longestTimeout)
	if g.timeout < time.Second {
		g.timeout = g.cfg.HeartbeatTimeout
	}
	g.retry.reset()
	g.log.Info("joined the consumer group", "group", found.Name, "consumer", g.member.Consumer)
}

func (g *group) joinFailed(ctx context.Context, err error) time.Duration {
	if ctx.Err() == nil {
		g.trouble.log(ctx, g.log, level(err), "cannot join the consumer group", "group", g.cfg.ConsumerGroup, "error", err)
	}
	return g.retry.pause(retryAfter(err))
}

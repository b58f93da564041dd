package main

import (
	"context"
	"errors"
	"fmt"

	"respawner/watch"
	"respawner/watch/control"
)

// upgrade makes supervisors go on as the binary that is installed now. They try the binary
// first: a binary that can't take over is not exec'ed.
func upgrade(o options) error {
	return o.each(supervised, ifKnown(o.upgradeOne), func(_ string, out result) string { return out.text })
}

func (o options) upgradeOne(ctx context.Context, dir *control.Dir, name string) result {
	w := watchSupervisor(dir, name)
	defer w.close()
	offer, presence, err := dir.Upgrade(ctx, name)
	out := result{presence: presence, err: err}
	if err == nil && presence == control.Held {
		out.status, out.presence, out.err = dir.Ask(ctx, name, control.Request{Op: control.OpUpgrade, Checked: true})
		if errors.Is(out.err, control.ErrLeft) || out.err == nil && out.presence == control.Stale {
			return o.rescue(dir, name, w, out)
		}
	}
	var refusal *control.Refusal
	switch {
	case out.err == nil && out.presence != control.Held:
		out.err = errNotRunning
	case errors.As(out.err, &refusal) && refusal.Code == control.CodeFailed:
		out.err = fmt.Errorf("%s goes on as it is, supervised by %s: %w", name, offer.Version, out.err)
	case out.err == nil:
		out.text = fmt.Sprintf("%s: its supervisor, pid %d, is %s now, was %s", name, out.status.SupervisorPID, out.status.Version, offer.Version)
	}
	return out
}

// canTakeOver is what a binary prints when it is tried.
func canTakeOver() string { return fmt.Sprintf("respawner upgrade %d\n", watch.RecordVersion) }

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"respawner/watch"
	"respawner/watch/control"
)

// upgrade has supervisors go on as the binary that is installed now. It is
// tried first: what can't take over is not exec'ed.
func upgrade(o options) error {
	return o.each(supervised, ifKnown(upgradeOne), func(_ string, out result) string { return out.text })
}

func upgradeOne(ctx context.Context, dir *control.Dir, name string) result {
	if err := dir.Trust(); err != nil { // for what it offers is tried here
		return result{err: err}
	}
	offer, presence, err := dir.Upgrade(ctx, name)
	out := result{presence: presence, err: err}
	if err == nil && presence != control.Held {
		out.err = errNotRunning
	}
	if out.err != nil {
		return out
	}
	if err := try(ctx, offer); err != nil {
		out.err = fmt.Errorf("%s goes on as it is, supervised by %s: %w", name, offer.Version, err)
		return out
	}
	out.status, out.presence, out.err = dir.Ask(ctx, name, control.Request{Op: control.OpUpgrade, Checked: true})
	if out.err == nil && out.presence != control.Held {
		out.err = errNotRunning
	}
	if out.err == nil {
		out.text = fmt.Sprintf("%s: its supervisor, pid %d, is %s now, was %s", name, out.status.SupervisorPID, out.status.Version, offer.Version)
	}
	return out
}

// tryPatience is how long a binary may take to say that it can take over.
const tryPatience = 10 * time.Second

// try runs a binary as the supervisor would exec it, but only for it to say
// whether it understands what it would be told.
func try(ctx context.Context, offer *control.Upgrade) error {
	if len(offer.Args) == 0 {
		return errors.New("it does not know how it was called")
	}
	ctx, cancel := context.WithTimeout(ctx, tryPatience)
	defer cancel()
	cmd := exec.CommandContext(ctx, offer.Binary)
	cmd.Args = offer.Args
	cmd.Env = append(os.Environ(), upgradeEnv+"="+upgradeCheck)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if said := strings.TrimSpace(stderr.String()); err != nil && said != "" {
		return fmt.Errorf("%s can't take over: %s", offer.Binary, said)
	}
	if err != nil {
		return fmt.Errorf("%s can't take over: %w", offer.Binary, err)
	}
	if want := canTakeOver(); stdout.String() != want {
		return fmt.Errorf("%s can't take over: it is no respawner that knows how, or another kind of one", offer.Binary)
	}
	return nil
}

// canTakeOver is what a binary says when it is tried.
func canTakeOver() string { return fmt.Sprintf("respawner upgrade %d\n", watch.RecordVersion) }

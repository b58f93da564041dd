package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"respawner/watch"
	"respawner/watch/control"
)

// upgrade has supervisors go on as the binary that is installed now. It is
// tried first: what can't take over is not exec'ed.
func upgrade(o options) error {
	dir, err := control.OpenDir(o.RuntimeDir)
	if err != nil {
		return err
	}
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer cancel()
	var errs []error
	for _, name := range o.Names {
		errs = append(errs, upgradeOne(ctx, dir, name))
	}
	return errors.Join(errs...)
}

func upgradeOne(ctx context.Context, dir *control.Dir, name string) error {
	offer, presence, err := dir.Upgrade(name)
	switch {
	case err != nil:
		return err
	case presence == control.Stale:
		return fmt.Errorf("%s: its supervisor has died; respawner adopt %s gives it a new one", name, name)
	case presence == control.Absent:
		return fmt.Errorf("%s is not running: there is no supervisor to upgrade", name)
	}
	if err := try(ctx, offer); err != nil {
		return fmt.Errorf("%s goes on as it is, supervised by %s: %w", name, offer.Version, err)
	}
	s, presence, err := dir.Ask(ctx, name, control.Request{Op: control.OpUpgrade, Checked: true})
	if err == nil && presence != control.Held {
		err = fmt.Errorf("%s: its supervisor has died; respawner adopt %s gives it a new one", name, name)
	}
	if err == nil {
		fmt.Printf("%s: its supervisor, pid %d, is %s now, was %s\n", name, s.SupervisorPID, s.Version, offer.Version)
	}
	return err
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

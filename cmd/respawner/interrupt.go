package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
)

// interrupt is the cause of a context that a signal has ended.
type interrupt struct{ signal os.Signal }

func (i interrupt) Error() string { return "interrupted by " + i.signal.String() }

// code returns the exit code that a shell gives a command that the signal has killed: 130 for ^C.
func (i interrupt) code() int {
	sig, _ := i.signal.(syscall.Signal)
	return 128 + int(sig)
}

// interruptible returns a context that INT, TERM and other signals end. Its cause is then an
// interrupt.
func interruptible(others ...os.Signal) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, append(others, syscall.SIGINT, syscall.SIGTERM)...)
	go func() {
		select {
		case sig := <-signals:
			cancel(interrupt{sig})
		case <-ctx.Done():
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		cancel(nil)
	}
}

// interruptCode returns the exit code of a command that a signal has broken off, or code
// where none has.
func interruptCode(ctx context.Context, code int) int {
	var i interrupt
	if errors.As(context.Cause(ctx), &i) {
		return i.code()
	}
	return code
}

// brokenOff returns the error of a start. If a signal has broken the start off, the error has the exit code of
// that signal.
func brokenOff(broken <-chan interrupt, err error) error {
	select {
	case by := <-broken:
		if err != nil {
			return exitError{code: by.code(), msg: err.Error()}
		}
	default:
	}
	return err
}

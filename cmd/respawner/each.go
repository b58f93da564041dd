package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"syscall"

	"respawner/watch/control"
)

// result is the outcome for one service.
type result struct {
	status   *control.Status
	presence control.Presence
	text     string // what is printed of the outcome
	err      error
}

// lister lists services of a runtime directory.
type lister func(*control.Dir) ([]string, error)

// errNotRunning is the error of an operation that needs a supervisor, without one.
var errNotRunning = errors.New("not running")

// supervised returns the services that have a supervisor, or had one that died.
func supervised(dir *control.Dir) ([]string, error) {
	names, err := dir.Names()
	if err != nil {
		return nil, err
	}
	var out []string
	for _, name := range names {
		presence, _, err := dir.Presence(name)
		if err != nil {
			return nil, err
		}
		if presence != control.Absent {
			out = append(out, name)
		}
	}
	return out, nil
}

// services opens the runtime directory, nil where there is none, and returns the
// services that were named. A pattern means services of known.
func (o options) services(known lister) (*control.Dir, []string, error) {
	dir, err := control.OpenDir(o.RuntimeDir)
	if errors.Is(err, fs.ErrNotExist) {
		dir, err = nil, nil
	}
	if err != nil {
		return nil, nil, advise(err)
	}
	names, err := matching(dir, known, o.Names)
	return dir, names, err
}

// ifKnown returns an asker that calls do for services that are known here. Other services are errors.
func ifKnown(do asker) asker {
	return func(ctx context.Context, dir *control.Dir, name string) result {
		if err := known(dir, name); err != nil {
			return result{err: err}
		}
		return do(ctx, dir, name)
	}
}

// asker does something with one service. The directory may be nil.
type asker func(ctx context.Context, dir *control.Dir, name string) result

// each calls an asker for all services that were named, and prints the outcome of each in
// the order of the names.
func (o options) each(known lister, do asker, said func(string, result) string) error {
	ctx, cancel := interruptible()
	defer cancel()
	dir, names, err := o.services(known)
	if err != nil {
		return err
	}
	var all []*control.Status
	code := 0
	for i, out := range atOnce(names, func(name string) result { return do(ctx, dir, name) }) {
		if out.err != nil {
			code = max(code, exitCode(out.err))
			complain(explain(names[i], out))
		} else if !o.JSON {
			fmt.Println(printable(said(names[i], out)))
		}
		if o.JSON && out.err != nil {
			out = lookAt(dir, names[i])
		}
		all = append(all, out.status)
	}
	if o.JSON {
		err = printStatus(o, all)
	}
	if err == nil && code != 0 {
		err = exitError{code: interruptCode(ctx, code)}
	}
	return err
}

// atOnce calls a function for each name, all at once. It hands out the outcomes
// in the order of the names, each as soon as it is there.
func atOnce(names []string, do func(string) result) iter.Seq2[int, result] {
	return func(yield func(int, result) bool) {
		results := make([]chan result, len(names))
		for i, name := range names {
			results[i] = make(chan result, 1)
			go func() { results[i] <- do(name) }()
		}
		for i, ch := range results {
			if !yield(i, <-ch) {
				return
			}
		}
	}
}

// explain returns an error that says why an operation failed, and what to do about it.
func explain(name string, out result) error {
	switch {
	case errors.Is(out.err, context.Canceled):
		return fmt.Errorf("%s: interrupted: no longer waiting; what was begun goes on", name)
	case errors.Is(out.err, errNotRunning) && out.presence == control.Stale:
		return fmt.Errorf("%s: its supervisor has died: respawner adopt %s gives it a new one", name, name)
	case errors.Is(out.err, errNotRunning):
		return fmt.Errorf("%s is not running: respawner start %s starts it as before", name, name)
	}
	return advise(out.err)
}

// advise adds what to do to an error that has not said it.
func advise(err error) error {
	var refusal *control.Refusal
	refused := errors.As(err, &refusal)
	switch {
	case errors.Is(err, fs.ErrPermission), refused && refusal.Code == control.CodeDenied:
		return fmt.Errorf("%w; root can, or have it started with --control-group and a group of yours", err)
	case errors.Is(err, syscall.EMFILE):
		return fmt.Errorf("%w; name fewer services at once, or raise ulimit -n", err)
	case refused && refusal.Code == control.CodeBusy:
		return fmt.Errorf("%w; try again when some of them have gone", err)
	case refused && refusal.Code == control.CodeRequest:
		return fmt.Errorf("%w; is its supervisor of another version? respawner stop and start put this one in its place", err)
	}
	return err
}

// lookAt returns the status of a service.
func lookAt(dir *control.Dir, name string) result {
	out := result{status: control.Unsupervised(name)}
	if dir == nil {
		return out
	}
	s, presence, err := dir.Status(name)
	if err != nil {
		return result{status: unanswered(dir, name, err), presence: presence, err: err}
	}
	if presence == control.Stale {
		s = orphaned(dir, name)
	}
	return result{status: s, presence: presence}
}

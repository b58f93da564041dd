package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"respawner/watch/control"
)

// glance is how long a view of all services waits for a service that does not
// answer.
const glance = 2 * time.Second

// stateUnknown is the state of a service whose supervisor does not answer.
const stateUnknown = "unknown"

// openRuntimeDir opens the runtime directory to ask. It returns nil where there is none,
// since nothing was started yet.
func openRuntimeDir(path string) (*control.Dir, error) {
	dir, err := control.OpenDir(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return dir, err
}

// serviceNames returns all services of a runtime directory, which may be nil.
func serviceNames(dir *control.Dir) ([]string, error) {
	if dir == nil {
		return nil, nil
	}
	return dir.Names()
}

// askAll returns the status of all services, in their order. It asks all at once: a service that does not
// answer in time does not keep the others waiting, and its status says so.
func askAll(dir *control.Dir, names []string, patience time.Duration) []*control.Status {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	answers := make([]chan *control.Status, len(names))
	for i, name := range names {
		answers[i] = make(chan *control.Status, 1)
		go func() { answers[i] <- lookAt(dir, name).status }()
	}
	all := []*control.Status{}
	for i, name := range names {
		all = append(all, inTime(ctx, name, answers[i]))
	}
	return all
}

func inTime(ctx context.Context, name string, answer <-chan *control.Status) *control.Status {
	select {
	case s := <-answer:
		return s
	case <-ctx.Done():
	}
	select { // both may have been ready
	case s := <-answer:
		return s
	default:
		return unknown(name, fmt.Errorf("%s: %w", name, control.ErrSilent))
	}
}

// unknown returns the status of a service that could not be asked.
func unknown(name string, err error) *control.Status {
	s := control.Unsupervised(name)
	s.State, s.Message = stateUnknown, err.Error()
	return s
}

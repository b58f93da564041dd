package main

import (
	"fmt"

	"respawner/watch"
	"respawner/watch/control"
)

// unanswered returns the status of a service whose supervisor could not be asked:
// the processes that it wrote down and that still live, if that can be read.
func unanswered(dir *control.Dir, name string, err error) *control.Status {
	s := unknown(name, err)
	if state, err := dir.State(name); err == nil {
		if left, err := watch.Left(state); err == nil {
			describeLeft(s, left)
		}
	}
	return s
}

// orphaned returns the status of a service whose supervisor has died.
func orphaned(dir *control.Dir, name string) *control.Status {
	s := control.Unsupervised(name)
	state, err := dir.State(name)
	if err == nil {
		var left watch.Leftover
		left, err = watch.Left(state)
		describeLeft(s, left)
	}
	if def, err := dir.Definition(name); err == nil { // only its owner and root can read it
		s.Command, s.Folder = append([]string{def.Program}, def.Args...), def.Dir
	}
	switch {
	case err != nil:
		s.State = stateUnknown
		s.Message = fmt.Sprintf("its supervisor has died, and what it left can't be told (%v): respawner adopt %s looks for it", err, name)
	case len(s.PIDs) > 0:
		s.State = stateOrphaned
		s.Message = fmt.Sprintf("its supervisor has died, it runs on without one: respawner adopt %s takes it over", name)
	default:
		s.State = "failed"
		s.Message = fmt.Sprintf("its supervisor has died, and so has all that it knew of: respawner start %s starts it again", name)
	}
	return s
}

func describeLeft(s *control.Status, left watch.Leftover) {
	s.MainPID, s.PIDs, s.Processes, s.Output = left.Main, left.PIDs, left.Processes, left.Output
}

package main

import (
	"fmt"
	"os"
	"path/filepath"

	"respawner/watch"
	"respawner/watch/service"
)

func (s *supervision) configure() (watch.HostConfig, watch.Config, error) {
	socket, err := s.listen()
	if err != nil {
		return watch.HostConfig{}, watch.Config{}, err
	}
	h, err := s.configureHost()
	if err != nil {
		return watch.HostConfig{}, watch.Config{}, err
	}
	c, err := s.configureService(socket)
	return h, c, err
}

func (s *supervision) configureHost() (watch.HostConfig, error) {
	self, err := os.Executable() // later the file may have been moved away
	if err != nil {
		return watch.HostConfig{}, fmt.Errorf("find the installed binary: %w", err)
	}
	h := watch.HostConfig{Log: s.log.Logger, Tracking: s.o.Tracking, Version: version, Binary: self, Check: canTakeOver(), Exec: s.exec(self)}
	if s.before != nil {
		h.Handover = s.before.State
	}
	return h, nil
}

func (s *supervision) configureService(socket int) (watch.Config, error) {
	o := s.o
	files, err := stdio(o.Foreground)
	if err != nil {
		return watch.Config{}, err
	}
	var history watch.HistoryFile // which stays nil where there is none
	if h, err := s.claim.History(); err != nil {
		s.log.Warn(o.Name+": going on without a history", "error", err)
	} else {
		history = h
	}
	return watch.Config{
		Spec: service.Spec{
			Name: o.Name, Follow: followOf(o.Follow), SuccessCodes: o.SuccessCodes,
			RespawnDelay: o.RespawnDelay, RespawnLimit: o.RespawnLimit, StopTimeout: o.StopTimeout,
		},
		Program: watch.Program{
			Path: s.path, Dir: o.Folder, Args: append([]string{s.path}, o.Args...), Env: s.environ(),
			Files: files, Clean: o.Clean,
		},
		Pidfile: o.Pidfile, StopOnHangup: o.Foreground, ReloadSignal: o.ReloadSignal,
		ID: s.claim.ID(), State: s.claim, History: history, Files: s.claim,
		Control: socket, ControlGroup: o.ControlGroup,
		Log: s.log.Logger, Reopen: s.log.reopen,
	}, nil
}

// environ returns the program's environment.
func (s *supervision) environ() []string {
	env := without(without(os.Environ(), folderEnv), socketEnv)
	return append(env, socketEnv+"="+filepath.Join(s.o.RuntimeDir, s.o.Name+".sock"))
}

// listen makes the control socket, unless the earlier binary had one.
func (s *supervision) listen() (int, error) {
	if fd := s.claim.Socket(); fd >= 0 {
		return fd, nil
	}
	return s.claim.Listen()
}

// exec runs the installed binary in this process, and hands over what is open.
func (s *supervision) exec(binary string) func(state []byte, keep []int) error {
	return func(state []byte, keep []int) error {
		b := baggage{Handover: s.claim.HandOver(), State: state, Log: s.log.flush(), Procs: os.Getenv(procsEnv)}
		if f, isFile := s.output.Sink.(*outputFile); isFile && f.file != nil {
			b.Output = int(f.file.Fd())
		}
		return reexec(binary, b, keep)
	}
}

func followOf(word string) service.Follow {
	return map[string]service.Follow{
		followAuto: service.FollowAuto, followOn: service.FollowOn, followOff: service.FollowOff,
	}[word]
}

// stdio returns the program's descriptors 0 to 2, unless its output is
// kept. The program never reads, and its output is seen in the foreground only.
func stdio(foreground bool) ([3]*os.File, error) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if foreground {
		return [3]*os.File{null, os.Stdout, os.Stderr}, err
	}
	return [3]*os.File{null, null, null}, err
}

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"respawner/watch/control"
	"respawner/watch/safepath"
)

// logs prints what programs have written, from the files where that is kept,
// and with -f what they write from then on.
func logs(o options) error {
	dir, names, err := o.loggedServices()
	if err != nil {
		return err
	}
	p := newLogPrinter(os.Stdout)
	defer p.close()
	var all []*logSource
	code := 0
	for _, name := range names {
		s, err := o.openSource(dir, name)
		if err != nil {
			code = max(code, exitCode(err))
			complain(err)
			continue
		}
		defer s.h.close()
		all = append(all, s)
	}
	p.name(all)
	err = p.past(all)
	if err == nil && o.View.Follow && len(all) > 0 {
		err = p.follow(all)
	}
	if err == nil && code != 0 {
		err = exitError{code: code}
	}
	return err
}

// loggedServices opens the runtime directory, nil where there is none, and finds
// the services that were named; all when none is.
func (o options) loggedServices() (*control.Dir, []string, error) {
	if len(o.Names) == 0 {
		o.Names = []string{allNames}
	}
	dir, err := openRuntimeDir(o.RuntimeDir)
	if err != nil {
		return nil, nil, advise(err)
	}
	if !slices.ContainsFunc(o.Names, isPattern) {
		return dir, once(o.Names), nil
	}
	known, err := o.haveLogs(dir)
	if err != nil {
		return nil, nil, err
	}
	names, err := expand(known, o.Names)
	return dir, names, err
}

// haveLogs returns the services of the runtime directory, and those of which there
// is a log in the default place: it outlives a reboot.
func (o options) haveLogs(dir *control.Dir) ([]string, error) {
	names, err := serviceNames(dir)
	if err != nil {
		return nil, err
	}
	entries, err := safepath.ReadDir(o.OutputDir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("look for logs: %w", err)
	}
	for _, e := range entries {
		if name, isLog := strings.CutSuffix(e.Name(), ".log"); isLog && nameFault(name) == "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// openSource opens the log of a service. A log that does not exist is an error.
func (o options) openSource(dir *control.Dir, name string) (*logSource, error) {
	seen := lookAt(dir, name)
	if seen.err != nil {
		complain(seen.err) // its log may still be there
	}
	path, err := o.whereKept(name, seen.status.Output)
	if err != nil {
		return nil, err
	}
	h, err := openLog(name, path)
	if err != nil {
		return nil, err
	}
	s := &logSource{name: name, h: h, view: o.View}
	if o.View.Grep == nil && dir != nil {
		s.runs = &runBounds{dir: dir, name: name, file: filepath.Join(o.RuntimeDir, name+".history")}
	}
	return s, nil
}

// openLog opens the log of a service. A log that does not exist is an error.
func openLog(name, path string) (*logFiles, error) {
	h, err := openLogFiles(path)
	if err != nil {
		return nil, fmt.Errorf("logs of %s: %w", name, err)
	}
	if len(h.parts) == 0 {
		return nil, exitError{code: exitNoService, msg: fmt.Sprintf("%s has no log: there is no %s", name, path)}
	}
	return h, nil
}

// whereKept returns the file in which the output of a service is kept. where is what its status
// says of that. When that is not known, it is the default place.
func (o options) whereKept(name, where string) (string, error) {
	switch {
	case where == outputSyslog:
		return "", fmt.Errorf("%s writes to syslog: look there for its name, for example with journalctl -t %s", name, name)
	case where == outputNone:
		return "", fmt.Errorf("nothing is kept of what %s writes: start it with --output FILE", name)
	case where == outputTerminal:
		return "", fmt.Errorf("%s writes where its supervisor was started with -D: start it with --output FILE", name)
	case where != "":
		return where, nil
	case o.OutputDir == "":
		return "", errors.New("there is no home directory to look for logs in")
	}
	return o.keptOutput(name), nil
}

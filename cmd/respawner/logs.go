package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"respawner/watch/control"
)

// logs prints what a program has written, from the file where it is kept.
func logs(o options) error {
	where, err := outputName(o)
	if err != nil {
		fmt.Fprintf(os.Stderr, "respawner: %s\n", printable(err.Error())) // its log is worth the more
	}
	path, err := o.whereKept(o.Name, where)
	if err != nil {
		return err
	}
	h, err := openLog(o.Name, path)
	if err != nil {
		return err
	}
	defer h.close()
	var out io.Writer = os.Stdout
	if isTerminal(os.Stdout) {
		screen := &escaper{out: os.Stdout}
		defer screen.end()
		out = screen
	}
	if err := h.print(out, o.View); err != nil || !o.View.Follow {
		return err
	}
	return follow(out, h)
}

// openLog opens the log of a service, which must be there.
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

// whereKept is the file in which the output of a service is kept, where being
// what its status says of it; when nobody knows, that is the default place.
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

// outputName is what the status of a service says of its output; empty when
// nobody knows.
func outputName(o options) (string, error) {
	dir, err := control.OpenDir(o.RuntimeDir)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer dir.Close()
	out := lookAt(dir, o.Name)
	return out.status.Output, out.err
}

// escaper shows lines on a terminal, which must not obey what is in them.
type escaper struct {
	out  io.Writer
	line []byte // that has no end yet
}

// Write implements io.Writer.
func (s *escaper) Write(text []byte) (int, error) {
	rest := append(s.line, text...)
	for end := bytes.IndexByte(rest, '\n'); end >= 0; end = bytes.IndexByte(rest, '\n') {
		if _, err := fmt.Fprintln(s.out, shown(string(rest[:end]))); err != nil {
			return 0, err
		}
		rest = rest[end+1:]
	}
	s.line = append(s.line[:0], rest...)
	return len(text), nil
}

// end shows a line that has no end.
func (s *escaper) end() {
	if len(s.line) > 0 {
		fmt.Fprintln(s.out, shown(string(s.line)))
	}
}

// shown is printable that leaves tabs.
func shown(line string) string {
	words := strings.Split(line, "\t")
	for i, word := range words {
		words[i] = printable(word)
	}
	return strings.Join(words, "\t")
}

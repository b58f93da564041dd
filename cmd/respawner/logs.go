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
	path, err := whereKept(o)
	if err != nil {
		return err
	}
	h, err := openLogFiles(path)
	if err != nil {
		return fmt.Errorf("logs of %s: %w", o.Name, err)
	}
	defer h.close()
	if len(h.parts) == 0 {
		return exitError{code: exitNoService, msg: fmt.Sprintf("%s has no log: there is no %s", o.Name, path)}
	}
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

// whereKept asks where the output of a service is kept; when nobody knows, that
// is the default place.
func whereKept(o options) (string, error) {
	where, err := outputName(o)
	if err != nil {
		fmt.Fprintf(os.Stderr, "respawner: %s\n", printable(err.Error())) // its log is worth the more
	}
	switch {
	case where == outputSyslog:
		return "", fmt.Errorf("%s writes to syslog: look there for its name, for example with journalctl -t %s", o.Name, o.Name)
	case where == outputNone:
		return "", fmt.Errorf("nothing is kept of what %s writes: start it with --output FILE", o.Name)
	case where == outputTerminal:
		return "", fmt.Errorf("%s writes where its supervisor was started with -D: start it with --output FILE", o.Name)
	case where != "":
		return where, nil
	case o.OutputDir == "":
		return "", errors.New("there is no home directory to look for logs in")
	}
	return o.keptOutput(o.Name), nil
}

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

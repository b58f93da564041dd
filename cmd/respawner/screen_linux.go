package main

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// screen is the terminal while a view has it to itself.
type screen struct {
	in, out *os.File
	before  *term.State
	colour  bool
}

// What a terminal is told (xterm's control sequences, which all understand).
const (
	screenBegin = "\x1b[?1049h\x1b[?25l\x1b[?7l" // another screen, no cursor, no wrapping
	screenEnd   = "\x1b[?7h\x1b[?25h\x1b[?1049l"
	screenHome  = "\x1b[H"
	clearRight  = "\x1b[K"
	clearBelow  = "\x1b[J"
)

// openScreen takes the terminal; close gives it back as it was.
func openScreen() (*screen, error) {
	s := &screen{in: os.Stdin, out: os.Stdout, colour: displayOf(os.Stdout).colour}
	if !term.IsTerminal(int(s.in.Fd())) || !term.IsTerminal(int(s.out.Fd())) || os.Getenv("TERM") == "dumb" {
		return nil, usagef("top needs a terminal that can move its cursor: respawner list shows the same once")
	}
	var err error
	if s.before, err = term.MakeRaw(int(s.in.Fd())); err != nil {
		return nil, fmt.Errorf("take the terminal: %w", err)
	}
	if _, err := s.out.WriteString(screenBegin); err != nil {
		return nil, errors.Join(fmt.Errorf("take the terminal: %w", err), s.close())
	}
	return s, nil
}

func (s *screen) close() error {
	_, err := s.out.WriteString(screenEnd)
	if err = errors.Join(err, term.Restore(int(s.in.Fd()), s.before)); err != nil {
		return fmt.Errorf("give the terminal back: %w", err)
	}
	return nil
}

// tellKeys tells of each key, and of the end of a terminal as of ctrl-c.
func (s *screen) tellKeys(tell func(msg any)) {
	for buf := make([]byte, 256); ; {
		n, err := s.in.Read(buf)
		for _, key := range parseKeys(string(buf[:n])) {
			tell(keyMsg(key))
		}
		if err != nil {
			tell(keyMsg("ctrl-c"))
			return
		}
	}
}

// tellSizes tells the size of the screen, now and after each change.
func (s *screen) tellSizes(tell func(msg any)) {
	changes := make(chan os.Signal, 1)
	signal.Notify(changes, unix.SIGWINCH, unix.SIGCONT)
	for {
		width, height, err := term.GetSize(int(s.out.Fd()))
		if err != nil || width <= 0 || height <= 0 {
			width, height = 80, 24 // a serial line, the size of which is not set
		}
		tell(sizeMsg{width, height})
		<-changes
	}
}

// show draws lines from the top of the screen on.
func (s *screen) show(lines []line, width int) error {
	d := display{width: width, colour: s.colour}
	var drawn []string
	for i, l := range lines {
		erase := clearRight
		if i == len(lines)-1 { // after it the cursor stands on what it may have in the last column
			erase = clearBelow
		}
		drawn = append(drawn, erase+d.draw(l))
	}
	_, err := s.out.WriteString(screenHome + strings.Join(drawn, "\r\n"))
	if err != nil {
		return fmt.Errorf("draw on the terminal: %w", err)
	}
	return nil
}

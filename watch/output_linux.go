package watch

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// How long the goroutine reads on when all that was written is asked for, and
// how long the end of the supervisor waits for that to be done.
const (
	drainPatience  = time.Second
	finishPatience = 2 * time.Second
)

// output is the room of what a program writes. A goroutine of its own reads
// the pipe and gives each line to the sink, since a disk may be slow; Go's
// poller wakes it when something was written, and nothing else does. The loop's
// thread asks it for something by a request and a deadline, which ends a read
// that waits.
type output struct {
	pipe   *os.File
	stream *stream
	sink   Sink
	log    *slog.Logger

	requests chan func()
	leaving  chan struct{} // closed when the room is to end
	quotes   chan []string
	wake     *wake // tells the loop of quotes
	slot     *slot
	ended    chan struct{} // closed by the goroutine, whose all else is

	text    []byte // read, but not yet a line
	pos     int64  // of its first byte, in all that was read
	next    int64  // where the next start's output begins
	lines   [][]byte
	cut     []byte // lines that were cut, with an ellipsis each
	last    tail
	failing bool // the sink took not all, the last time
	lost    int  // lines, since then
	leave   bool
}

// outputBuffer is how much is read at once, in bytes, behind a line's beginning.
const outputBuffer = 16 << 10

func newOutput(c Output, log *slog.Logger) (*output, error) {
	w, err := newWake()
	if err != nil {
		return nil, err
	}
	in, err := newStream(c.Pipe.Reader(), len(c.Begun))
	if err != nil {
		return nil, errors.Join(err, w.close())
	}
	o := &output{
		pipe: c.Pipe.Reader(), stream: in, sink: c.Sink, log: log,
		requests: make(chan func(), 4), leaving: make(chan struct{}), quotes: make(chan []string, 1), wake: w, ended: make(chan struct{}),
		text: append(make([]byte, 0, maxLine+outputBuffer), c.Begun...),
	}
	go o.run()
	return o, nil
}

func (o *output) run() {
	defer close(o.ended)
	for !o.leave {
		err := o.read(o.stream.read)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			o.oblige()
		case err != nil:
			o.log.Error("the program's output can't be read any more", "error", err)
			o.leave = true
		}
	}
	if err := o.sink.Close(); err != nil {
		o.log.Warn("the program's output may have lost its end", "error", err)
	}
	if o.lost > 0 {
		o.log.Warn(fmt.Sprintf("%d lines of the program's output were lost", o.lost))
	}
}

// read takes what there is, and writes the lines that are whole.
func (o *output) read(from func([]byte) (int, error)) error {
	n, err := from(o.text[len(o.text):cap(o.text)])
	o.text = o.text[:len(o.text)+max(0, n)]
	o.next = o.stream.passed(o.pos)
	rest := splitLines(o.text, o.take)
	o.write()
	o.text = o.text[:copy(o.text, rest)]
	return err
}

// take takes a line to be written; one that was cut gets an ellipsis.
func (o *output) take(line []byte, cut bool) {
	if o.pos >= o.next { // it is of another run than the lines before it
		o.write()
		o.next = o.stream.passed(o.pos)
	}
	o.pos += int64(len(line))
	if !cut {
		o.pos++
	} else {
		begin := len(o.cut)
		o.cut = append(append(o.cut, line...), ellipsis...)
		line = o.cut[begin:]
	}
	if o.lines = append(o.lines, line); len(o.lines) == maxBatch {
		o.write()
	}
}

// maxBatch bounds the lines that wait to be written at once; they may be empty.
const maxBatch = 128

// write gives the sink what was taken. What it can't keep is lost, and told of
// twice: when that begins, and when it is over.
func (o *output) write() {
	if len(o.lines) == 0 {
		return
	}
	now := o.stream.time(time.Now())
	for _, line := range o.lines[max(0, len(o.lines)-lastLines):] {
		o.last.add(now, line)
	}
	kept, err := o.sink.Write(now, o.lines)
	o.lost += len(o.lines) - kept
	switch {
	case err != nil && !o.failing:
		o.log.Error("the program's output can't be kept as it should", "error", err)
	case err == nil && o.failing:
		o.log.Warn(fmt.Sprintf("the program's output is kept again, %d lines of it were lost", o.lost))
		o.lost = 0
	}
	o.failing = err != nil
	o.lines, o.cut = o.lines[:0], o.cut[:0]
}

// ask has the goroutine do something between two reads. It never blocks, and
// refuses what can't be done since the sink holds the goroutine up.
func (o *output) ask(request func()) bool {
	select {
	case o.requests <- request:
	default:
		return false
	}
	o.rouse()
	return true
}

// rouse ends a read that waits, so that a request is seen which was sent before:
// oblige takes the deadline back first, and looks for requests then.
func (o *output) rouse() {
	if err := o.pipe.SetReadDeadline(time.Unix(1, 0)); err != nil {
		o.log.Error("the program's output can't be waited for", "error", err)
	}
}

func (o *output) oblige() {
	for {
		if err := o.pipe.SetReadDeadline(time.Time{}); err != nil {
			o.log.Error("the program's output can't be waited for", "error", err)
			o.leave = true
		}
		select {
		case request := <-o.requests:
			request()
			continue
		default:
		}
		select {
		case <-o.leaving:
			o.writeRest()
		default:
		}
		return
	}
}

// drain reads until the pipe is empty, for drainPatience at most: a program may
// write faster than that. It heeds no deadline, which may be that of a request.
func (o *output) drain() {
	var err error
	for end := time.Now().Add(drainPatience); err == nil && time.Now().Before(end); {
		err = o.read(o.stream.readAtOnce)
	}
	if err != nil && !errors.Is(err, unix.EAGAIN) {
		o.log.Error("the program's output can't be read", "error", err)
	}
}

// begin tells of a start that is made now: what is in the pipe is older.
func (o *output) begin(at time.Time) {
	if err := o.stream.start(at); err != nil {
		o.log.Error("the program's output can't be told from that of its last run", "error", err)
	}
}

// reopen has the sink opened anew.
func (o *output) reopen() bool {
	return o.ask(func() {
		if err := o.sink.Reopen(); err != nil {
			o.log.Error("the program's output can't be kept as it should", "error", err)
			o.failing = true
		}
	})
}

// quote asks for the last lines that the program has written from a start until
// now; they come into quotes, and the wake tells.
func (o *output) quote(begun time.Time) bool {
	return o.ask(func() {
		o.drain()
		lines := o.last.since(begun)
		if len(o.text) > 0 {
			lines = append(lines, string(appendShort(nil, o.text)))
		}
		o.quotes <- lines[max(0, len(lines)-lastLines):]
		o.wake.call()
	})
}

// end has what is still in the pipe be written, the beginning of a line too, and the
// room end. It never blocks.
func (o *output) end() {
	close(o.leaving)
	o.rouse()
}

// await returns when that has come about, which a sink that takes no more holds up for ever.
// It is for another thread; the loop must not look at the wake any more.
func (o *output) await() error {
	for {
		select {
		case <-o.quotes: // of no use any more
		case <-o.ended:
			return o.wake.close()
		}
	}
}

var errStuck = errors.New("what the program's output is written to takes no more")

func (o *output) writeRest() {
	o.drain()
	if len(o.text) > 0 {
		o.take(o.text, false)
		o.write()
	}
	o.leave = true
}

// pausePatience is how long an upgrade waits for a line that is being written.
const pausePatience = time.Second

// pause has the goroutine rest with nothing in hand but the beginning of a line,
// which is returned, until resume is called. All else stays in the pipe.
func (o *output) pause() (begun []byte, resume func(), err error) {
	answer, going := make(chan []byte), make(chan struct{})
	asked := o.ask(func() {
		select {
		case answer <- bytes.Clone(o.text):
			<-going
		case <-going:
		}
	})
	if asked {
		select {
		case begun = <-answer:
			return begun, func() { close(going) }, nil
		case <-o.ended:
		case <-time.After(pausePatience):
		}
	}
	close(going)
	return nil, nil, errStuck
}

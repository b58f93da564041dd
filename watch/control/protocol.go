package control

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"time"
)

// Version is the protocol's version, the v of each request and reply.
const Version = 1

// MaxRequest is the longest request line a server reads, in bytes, with its
// newline.
const MaxRequest = 4096

// The operations of version 1. The supervisor answers each with one Reply, and an operation that takes
// time with a second Reply when it is done.
const (
	OpStatus  = "status"
	OpStop    = "stop"    // a second reply when no process is left
	OpRestart = "restart" // a second reply when it is up again
	OpReload  = "reload"  // the reload signal, to the main process; the reply has an Event too
	OpSignal  = "signal"  // Signal to the main process, or to All
	OpReset   = "reset"   // forget crashes; if a restart waits, restart now
	OpWait    = "wait"    // a second reply when the service is in the state For
	OpEvents  = "events"  // a reply for each event from then on
	OpReopen  = "reopen"  // log files are opened anew
	OpRelease = "release" // the supervisor no longer counts the client as a process of the service
	OpUpgrade = "upgrade" // a reply with an Upgrade; when Checked, a status, and a second one after the upgrade
)

// The states that OpWait waits for.
const (
	ForRunning = "running"
	ForStopped = "stopped"
)

// Request asks a supervisor for something.
type Request struct {
	V  int    `json:"v"`
	Op string `json:"op"`

	// Signal is the number of the signal of OpSignal, 1 to 64; All sends it
	// to each process of the service. For OpStop it is the signal that is sent instead
	// of TERM, this once; 0 is TERM.
	Signal int  `json:"signal,omitempty"`
	All    bool `json:"all,omitempty"`

	// Timeout is for OpStop: how many seconds processes have to end before they are killed,
	// this once. nil is the timeout that the service was started with.
	Timeout *float64 `json:"timeout,omitempty"`

	// Force has OpReload send the signal to a process without a handler, too.
	Force bool `json:"force,omitempty"`

	// For is the state that OpWait waits for.
	For string `json:"for,omitempty"`

	// Checked asks OpUpgrade to go ahead. The supervisor tries the binary itself.
	Checked bool `json:"checked,omitempty"`
}

// Reply answers a Request: with a Status, with an Event, with both, or with an
// Error, after which nothing more comes.
type Reply struct {
	V      int     `json:"v"`
	Error  string  `json:"error,omitempty"`
	Code   Code    `json:"code,omitempty"`
	Status *Status `json:"status,omitempty"`
	Event  *Event  `json:"event,omitempty"`

	// Upgrade is the binary that would be exec'ed.
	Upgrade *Upgrade `json:"upgrade,omitempty"`
}

// Upgrade is the binary that an upgrade in place would exec, and how. The supervisor
// tries it first.
type Upgrade struct {
	Binary  string   `json:"binary"`
	Args    []string `json:"args"`
	Version string   `json:"version"` // of the binary that runs now
}

// Code tells errors apart.
type Code string

// The codes of errors.
const (
	CodeRequest Code = "request" // the request can't be understood
	CodeDenied  Code = "denied"  // the client's user may not ask
	CodeBusy    Code = "busy"    // too many clients wait or ask already
	CodeState   Code = "state"   // the service is in no state for it
	CodeFailed  Code = "failed"  // the operation was tried, and failed
)

// Refusal is the error of a Reply.
type Refusal struct {
	Code Code
	Text string
}

func (r *Refusal) Error() string { return r.Text }

// ErrRequest is the error for a request that can't be understood.
var ErrRequest = errors.New("bad request")

// lastSignal is the kernel's _NSIG.
const lastSignal = 64

// CutRequest takes the first line off the bytes that a client has sent so far, without its
// newline. whole reports whether there is a whole line. The error wraps [ErrRequest] where
// the line is, or will be, too long.
func CutRequest(sent []byte) (line, rest []byte, whole bool, err error) {
	line, rest, whole = bytes.Cut(sent, []byte("\n"))
	if len(line) >= MaxRequest {
		return nil, nil, false, fmt.Errorf("%w: longer than %d bytes", ErrRequest, MaxRequest)
	}
	return line, rest, whole, nil
}

// ParseRequest reads one line, without its newline. The error wraps
// ErrRequest.
func ParseRequest(line []byte) (Request, error) {
	var r Request
	if err := json.Unmarshal(line, &r); err != nil {
		return r, fmt.Errorf("%w: not a JSON object", ErrRequest)
	}
	if r.V != Version {
		return r, fmt.Errorf("%w: version %d, this supervisor speaks %d", ErrRequest, r.V, Version)
	}
	switch r.Op {
	case OpStatus, OpRestart, OpReload, OpReset, OpEvents, OpReopen, OpRelease, OpUpgrade:
	case OpStop:
		if r.Signal < 0 || r.Signal > lastSignal {
			return r, fmt.Errorf("%w: signal %d, they are 1 to %d", ErrRequest, r.Signal, lastSignal)
		}
		if t := r.Timeout; t != nil && (*t < 0 || *t > MaxTimeout.Seconds()) {
			return r, fmt.Errorf("%w: a timeout of %v seconds", ErrRequest, *t)
		}
	case OpSignal:
		if r.Signal < 1 || r.Signal > lastSignal {
			return r, fmt.Errorf("%w: signal %d, they are 1 to %d", ErrRequest, r.Signal, lastSignal)
		}
	case OpWait:
		if r.For != ForRunning && r.For != ForStopped {
			return r, fmt.Errorf("%w: wait for %q, it can be running or stopped", ErrRequest, r.For)
		}
	default:
		return r, fmt.Errorf("%w: unknown operation %q", ErrRequest, r.Op)
	}
	return r, nil
}

// MaxTimeout is the longest timeout of a request.
const MaxTimeout = 10 * 365 * 24 * time.Hour

// Patience returns the timeout of the request, nil where it has none.
func (r Request) Patience() *time.Duration {
	if r.Timeout == nil {
		return nil
	}
	d := time.Duration(math.Round(*r.Timeout * float64(time.Second)))
	return &d
}

// Seconds returns a duration in the form of a Request's Timeout.
func Seconds(d time.Duration) *float64 {
	s := d.Seconds()
	return &s
}

// Line returns v as it is sent: one JSON object and a newline.
func Line(v any) []byte {
	var b bytes.Buffer
	if err := json.NewEncoder(&b).Encode(v); err != nil {
		panic(err) // only for a type that JSON does not have: a mistake in this program
	}
	return b.Bytes()
}

// conversation is a client's end of a connection.
type conversation struct {
	rw io.ReadWriter
	r  *bufio.Reader
}

func converse(rw io.ReadWriter) *conversation {
	return &conversation{rw, bufio.NewReader(rw)}
}

func (c *conversation) ask(r Request) error {
	r.V = Version
	_, err := c.rw.Write(Line(r))
	return err
}

// maxReply bounds what a client reads of one reply, in bytes: a service has at
// most pid_max (4,194,304) processes.
const maxReply = 1 << 30

// hear reads the next reply. A reply with an error is returned as a *Refusal.
func (c *conversation) hear() (Reply, error) {
	var reply Reply
	line, err := c.line()
	if err != nil {
		return reply, err
	}
	if err := json.Unmarshal(line, &reply); err != nil {
		return reply, fmt.Errorf("the supervisor's answer: %w", err)
	}
	if reply.Error != "" {
		return reply, &Refusal{reply.Code, "the supervisor says: " + reply.Error}
	}
	if reply.Status == nil && reply.Event == nil && reply.Upgrade == nil {
		return reply, errors.New("the supervisor's answer says nothing")
	}
	return reply, nil
}

func (c *conversation) line() ([]byte, error) {
	var line []byte
	for {
		part, err := c.r.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case err == nil:
			return line, nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		case len(line) > maxReply:
			return nil, errors.New("the supervisor's answer has no end")
		}
	}
}

// status reads a reply that must have a status.
func (c *conversation) status() (*Status, error) {
	reply, err := c.hear()
	if err == nil && reply.Status == nil {
		err = errors.New("the supervisor's answer has no status")
	}
	return reply.Status, err
}

package control

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Version is the protocol's version, the v of each request and reply.
const Version = 1

// MaxRequest is the longest request line a server reads, in bytes, with its
// newline.
const MaxRequest = 4096

// The operations of version 1.
const (
	OpStatus = "status"
	OpStop   = "stop"
	OpReopen = "reopen"
)

// Request asks a supervisor for something.
type Request struct {
	V  int    `json:"v"`
	Op string `json:"op"`
}

// Reply answers a Request.
type Reply struct {
	V      int     `json:"v"`
	Error  string  `json:"error,omitempty"`
	Status *Status `json:"status,omitempty"`
}

// ErrRequest is what a request that can't be understood is refused with.
var ErrRequest = errors.New("bad request")

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
	if r.Op != OpStatus && r.Op != OpStop && r.Op != OpReopen {
		return r, fmt.Errorf("%w: unknown operation %q", ErrRequest, r.Op)
	}
	return r, nil
}

// Line is v as it goes over the wire: one JSON object and a newline.
func Line(v any) []byte {
	var b bytes.Buffer
	if err := json.NewEncoder(&b).Encode(v); err != nil {
		panic(err) // only a type that is no JSON: a mistake in this program
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

func (c *conversation) ask(op string) error {
	_, err := c.rw.Write(Line(Request{V: Version, Op: op}))
	return err
}

// listen reads the next reply; one with an error is an error.
func (c *conversation) listen() (*Status, error) {
	line, err := c.r.ReadBytes('\n')
	if err != nil {
		return nil, err
	}
	var reply Reply
	if err := json.Unmarshal(line, &reply); err != nil {
		return nil, fmt.Errorf("the supervisor's answer: %w", err)
	}
	if reply.Error != "" {
		return nil, fmt.Errorf("the supervisor says: %s", reply.Error)
	}
	if reply.Status == nil {
		return nil, errors.New("the supervisor's answer says nothing")
	}
	return reply.Status, nil
}

package control

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestParseRequest(t *testing.T) {
	tests := []struct {
		line string
		op   string // empty: refused
		why  string
	}{
		{`{"v":1,"op":"status"}`, OpStatus, ""},
		{`{"v":1,"op":"reopen"}`, OpReopen, ""},
		{`{"v":1,"op":"stop"}`, OpStop, ""},
		{`{"v":1,"op":"stop","timeout":0,"signal":64}`, OpStop, ""},
		{`{"v":1,"op":"stop","timeout":315360000}`, OpStop, ""},
		{`{"v":1,"op":"stop","timeout":315360001}`, "", "a timeout of"},
		{`{"v":1,"op":"stop","timeout":-0.1}`, "", "a timeout of -0.1 seconds"},
		{`{"v":1,"op":"stop","signal":65}`, "", "signal 65, they are 1 to 64"},
		{`{"v":1,"op":"stop","signal":-1}`, "", "signal -1"},
		{" {\"op\" : \"stop\", \"v\" : 1}\r", OpStop, ""},
		{`{"v":1,"op":"status","later":{"field":[1]}}`, OpStatus, ""},
		{`{"v":2,"op":"status"}`, "", "version 2, this supervisor speaks 1"},
		{`{"op":"status"}`, "", "version 0"},
		{`{"v":1}`, "", `unknown operation ""`},
		{`{"v":1,"op":"STOP"}`, "", `unknown operation "STOP"`},
		{`{"v":1,"op":"restart\n"}`, "", `unknown operation "restart\n"`},
		{`{"v":"1","op":"stop"}`, "", "not a JSON object"},
		{`{"v":1,"op":"stop"`, "", "not a JSON object"},
		{`{"v":1,"op":"stop"}{"v":1,"op":"stop"}`, "", "not a JSON object"},
		{`["stop"]`, "", "not a JSON object"},
		{`null`, "", "bad request"},
		{``, "", "not a JSON object"},
		{"\x00\xff\xfe", "", "not a JSON object"},
		{"GET / HTTP/1.1\r", "", "not a JSON object"},
		{strings.Repeat("[", MaxRequest), "", "not a JSON object"},
	}
	for _, tt := range tests {
		r, err := ParseRequest([]byte(tt.line))
		switch {
		case tt.op != "" && (err != nil || r.Op != tt.op || r.V != Version):
			t.Errorf("%q: got %+v, %v; want %s", tt.line, r, err, tt.op)
		case tt.op == "" && !errors.Is(err, ErrRequest):
			t.Errorf("%q: got %+v, %v; want an ErrRequest", tt.line, r, err)
		case tt.op == "" && (!strings.Contains(err.Error(), tt.why) || strings.Contains(err.Error(), "\n")):
			t.Errorf("%q: got %q, want one line with %q", tt.line, err, tt.why)
		}
	}
}

// FuzzParseRequest: whatever comes over the socket is either one of the known
// requests, that goes over the wire again as it came, or refused in one line.
func FuzzParseRequest(f *testing.F) {
	for _, seed := range []string{
		`{"v":1,"op":"status"}`, `{"v":1,"op":"stop"}`, `{"v":1}`, `null`, `[]`, `{"v":1e0,"op":"stop"}`, `{"v":-1}`,
		`{"v":1,"op":"\u0073top"}`, `{"V":1,"OP":"stop"}`, "{\"v\":1,\"op\":\"\xff\"}", `{"v":99999999999999999999}`, "\n", "",
	} {
		f.Add([]byte(seed))
	}
	for _, op := range []string{
		`restart"`, `reload"`, `reset"`, `stop","timeout":0.5,"signal":2`, `stop","timeout":-1`, `events"`, `signal","signal":10,"all":true`, `signal","signal":65`, `signal","signal":-1`,
		`wait","for":"running"`, `wait","for":"stopped"`, `wait","for":"Running"`, `wait"`,
	} {
		f.Add([]byte(`{"v":1,"op":"` + op + `}`))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		r, err := ParseRequest(line)
		if err != nil {
			if !errors.Is(err, ErrRequest) || strings.ContainsAny(err.Error(), "\n\r") {
				t.Fatalf("%q: %q", line, err)
			}
			return
		}
		known := []string{OpStatus, OpStop, OpRestart, OpReload, OpSignal, OpReset, OpWait, OpEvents, OpReopen, OpRelease, OpUpgrade}
		if r.V != Version || !slices.Contains(known, r.Op) || r.Op == OpSignal && (r.Signal < 1 || r.Signal > 64) ||
			r.Op == OpStop && (r.Signal < 0 || r.Signal > 64 || r.Timeout != nil && *r.Patience() < 0) {
			t.Fatalf("%q was taken for %+v", line, r)
		}
		if again, err := ParseRequest(bytes.TrimSuffix(Line(r), []byte("\n"))); err != nil || !reflect.DeepEqual(again, r) {
			t.Fatalf("%q: %+v came back as %+v, %v", line, r, again, err)
		}
	})
}

// FuzzCutRequest: how what a client sends is cut into reads makes no difference;
// what is kept of it is bounded.
func FuzzCutRequest(f *testing.F) {
	long := strings.Repeat("x", MaxRequest)
	for _, seed := range []string{
		"", "\n", "\n\n", "a\nb\nc", "a\r\n\x00\xff\n", long, long + "\n", long[1:] + "\n", "a\n" + long[1:] + "\nb\n" + long + "\nc\n",
	} {
		f.Add([]byte(seed), uint16(1))
		f.Add([]byte(seed), uint16(MaxRequest))
	}
	f.Fuzz(func(t *testing.T, sent []byte, each uint16) {
		var kept []byte
		var lines [][]byte
		var refused error
		for part := range slices.Chunk(sent, 1+int(each)%MaxRequest) { // at most what the supervisor reads at once
			kept = append(kept, part...)
			for refused == nil {
				line, rest, whole, err := CutRequest(kept)
				refused = err
				if err != nil || !whole {
					break
				}
				lines, kept = append(lines, line), rest
			}
			if refused != nil {
				break
			}
			if len(kept) >= MaxRequest {
				t.Fatalf("%d bytes are kept", len(kept))
			}
		}
		want := bytes.Split(sent, []byte("\n"))
		tooLong := slices.IndexFunc(want, func(line []byte) bool { return len(line) >= MaxRequest })
		if (refused != nil) != (tooLong >= 0) || refused != nil && !errors.Is(refused, ErrRequest) {
			t.Fatalf("%.100q: %v, but line %d is too long", sent, refused, tooLong)
		}
		if tooLong < 0 {
			tooLong = len(want) - 1 // what has no end yet
		}
		if !slices.EqualFunc(lines, want[:tooLong], bytes.Equal) {
			t.Fatalf("%.100q was cut into %.100q", sent, lines)
		}
	})
}

// docs/PROTOCOL.md knows each field, operation and code there is.
func TestProtocolIsDocumented(t *testing.T) {
	doc, err := os.ReadFile("../../docs/PROTOCOL.md")
	if err != nil {
		t.Fatal(err)
	}
	words := []string{
		OpStatus, OpStop, OpRestart, OpReload, OpSignal, OpReset, OpWait, OpEvents, ForRunning, ForStopped,
		string(CodeRequest), string(CodeDenied), string(CodeBusy), string(CodeState), string(CodeFailed),
	}
	for _, v := range []any{Request{}, Reply{}, Status{}, Process{}, Exit{}, Event{}} {
		for _, field := range reflect.VisibleFields(reflect.TypeOf(v)) {
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			words = append(words, name)
		}
	}
	for _, word := range words {
		if !bytes.Contains(doc, []byte("`"+word+"`")) && !bytes.Contains(doc, []byte(`"`+word+`"`)) {
			t.Errorf("it does not speak of %s", word)
		}
	}
}

// FuzzReplies: whatever a supervisor says, a client hears replies that say
// something, and then an error; it never panics.
func FuzzReplies(f *testing.F) {
	line := string(Line(Reply{V: Version, Status: full()}))
	event := string(Line(Reply{V: Version, Event: &Event{Seq: 1, What: "exited", Exit: &Exit{PID: 2, Signal: 11, Core: true}}}))
	for _, seed := range []string{
		line, event, line + event + line, string(Line(Reply{V: 1, Upgrade: &Upgrade{Binary: "/x", Args: []string{"x"}}})), string(Line(Reply{V: 1, Error: "no", Code: CodeBusy})), line[:40], "", "\n\n", "null\n", "[]\n",
		`{"v":1}` + "\n", `{"status":[]}` + "\n", `{"event":{"exit":7}}` + "\n", "{\"v\":1,\"error\":\"\x1b[2J\xff\"}\n", strings.Repeat("x", 9000) + "\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, said []byte) {
		c := converse(struct {
			io.Reader
			io.Writer
		}{bytes.NewReader(said), io.Discard})
		for range bytes.Count(said, []byte("\n")) + 1 {
			reply, err := c.hear()
			if refusal := new(Refusal); reply.Error != "" && !errors.As(err, &refusal) {
				t.Fatalf("%q: refused without a *Refusal: %v", said, err)
			}
			if err == nil && reply.Status == nil && reply.Event == nil && reply.Upgrade == nil {
				t.Fatalf("%q: heard nothing", said)
			}
		}
		if _, err := c.hear(); !errors.Is(err, io.EOF) {
			t.Fatalf("%q: %v at the end", said, err)
		}
	})
}

// full has a value in each field of the protocol that is not zero.
func full() *Status {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6000000, time.UTC)
	return &Status{
		Name: "x\n\"y\" <&>\u2028", State: "backoff", Version: "1.2", Since: at, MainPID: 7, SupervisorPID: 6, Restarts: 2,
		RespawnLimit: 3, NextStart: &at, KillAt: &at, PIDs: []int{7, 9}, Processes: []Process{{7, 6, "main"}, {9, 7, ""}},
		Command: []string{"/bin/x", "a b"}, Folder: "/srv",
		Follow: "on", Followed: true, Tracking: "scan", TrackingReason: "no connector", LostEvents: 7, Resyncs: 4,
		LastExit: &Exit{PID: 5, Code: 1, Signal: 9, At: at}, Message: "it crashed\nbadly", Stuck: "pid 7: frozen", Said: []string{"a", "b"}, Output: "/var/log/x",
	}
}

func TestLineRoundTrip(t *testing.T) {
	v := reflect.ValueOf(full()).Elem()
	for i := range v.NumField() {
		if v.Field(i).IsZero() {
			t.Errorf("full() leaves out %s", v.Type().Field(i).Name)
		}
	}
	for _, want := range []Reply{
		{V: Version, Status: full()},
		{V: Version, Error: "bad request:\nwith a second line"},
		{V: Version, Status: Unsupervised("x")},
		{},
	} {
		line := Line(want)
		if n := bytes.Count(line, []byte("\n")); n != 1 || line[len(line)-1] != '\n' {
			t.Errorf("%q is not one line", line)
		}
		var got Reply
		if err := json.Unmarshal(line, &got); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q came back as %+v, %v", line, got, err)
		}
	}
}

// A JSON reader that wants arrays must not get null.
func TestUnsupervisedHasEmptyLists(t *testing.T) {
	line := string(Line(Unsupervised("x")))
	for _, want := range []string{`"name":"x"`, `"state":"stopped"`, `"pids":[]`, `"processes":[]`, `"last_exit":null`} {
		if !strings.Contains(line, want) {
			t.Errorf("%s lacks %s", line, want)
		}
	}
}

func TestConversation(t *testing.T) {
	tests := []struct {
		answer string
		want   string // of the error; empty: the status
		eof    bool
	}{
		{answer: string(Line(Reply{V: 1, Status: full()}))},
		{answer: `{"v":9,"status":{"name":"later"},"more":1}` + "\n"},
		{answer: `{"v":1,"error":"no"}` + "\n", want: "the supervisor says: no"},
		{answer: `{"v":1}` + "\n", want: "says nothing"},
		{answer: "garbage\n", want: "the supervisor's answer"},
		{answer: `{"v":1,"status":`, want: "EOF", eof: true},
		{answer: "", want: "EOF", eof: true},
	}
	for _, tt := range tests {
		var sent bytes.Buffer
		c := converse(struct {
			io.Reader
			io.Writer
		}{strings.NewReader(tt.answer), &sent})
		if err := c.ask(Request{Op: OpStatus}); err != nil || sent.String() != `{"v":1,"op":"status"}`+"\n" {
			t.Errorf("sent %q, %v", sent.String(), err)
		}
		s, err := c.status()
		switch {
		case tt.want == "" && (err != nil || s.Name == ""):
			t.Errorf("%q: got %+v, %v", tt.answer, s, err)
		case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
			t.Errorf("%q: got %+v, %v; want %q", tt.answer, s, err, tt.want)
		case tt.eof != errors.Is(err, io.EOF):
			t.Errorf("%q: got %v, which would not be tried again", tt.answer, err)
		}
	}
}

// A client asks in its version, and takes no other answer for a status.
func TestStatusReply(t *testing.T) {
	var asked bytes.Buffer
	said := slices.Concat(Line(Reply{V: Version, Status: full()}), Line(Reply{V: Version, Event: &Event{What: "main"}}), Line(Reply{V: Version, Error: "no", Code: CodeBusy}))
	c := converse(struct {
		io.Reader
		io.Writer
	}{bytes.NewReader(said), &asked})
	err := c.ask(Request{Op: OpSignal, Signal: 9, All: true})
	if want := `{"v":1,"op":"signal","signal":9,"all":true}` + "\n"; err != nil || asked.String() != want {
		t.Errorf("asked %q, %v", asked.String(), err)
	}
	if st, err := c.status(); err != nil || !reflect.DeepEqual(st, full()) {
		t.Errorf("%+v, %v", st, err)
	}
	if st, err := c.status(); st != nil || err == nil || err.Error() != "the supervisor's answer has no status" {
		t.Errorf("of an event: %+v, %v", st, err)
	}
	refusal := new(Refusal)
	if st, err := c.status(); st != nil || !errors.As(err, &refusal) || refusal.Code != CodeBusy || err.Error() != "the supervisor says: no" {
		t.Errorf("of a refusal: %+v, %v", st, err)
	}
	if _, err := c.status(); !errors.Is(err, io.EOF) {
		t.Errorf("at the end: %v", err)
	}
}

// A timeout goes over the wire in seconds, and comes back to the millisecond.
func TestPatience(t *testing.T) {
	if (Request{}).Patience() != nil {
		t.Error("a request without a timeout has one")
	}
	for _, d := range []time.Duration{0, time.Millisecond, 1500 * time.Millisecond, time.Minute, MaxTimeout} {
		r, err := ParseRequest(Line(Request{V: Version, Op: OpStop, Timeout: Seconds(d)}))
		if err != nil || r.Patience() == nil || (*r.Patience()-d).Abs() >= time.Millisecond {
			t.Errorf("%v came back as %v, %v", d, r.Patience(), err)
		}
	}
}

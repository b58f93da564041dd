package service

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write what is seen into testdata and docs")

// TestScenarios plays the stories in testdata. A line is a comment (#), the
// spec, or an event; the indented lines below it are what the machine is to
// answer. "wait D" lets time pass and deadlines fall due, "sleep D" has them
// told late; "exec PID ?" is one that could not be looked up; "show" shows what status tells beside the processes.
func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no scenarios", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got, seen := play(t, string(want), false)
			again, seenAgain := play(t, string(want), true)
			if again != got {
				t.Errorf("a machine that is restored before each event tells another story:\n%s", again)
			}
			for i := range min(len(seen), len(seenAgain)) {
				if seen[i] != seenAgain[i] {
					t.Fatalf("snapshot %d:\n%s\nof a machine that is restored before each event:\n%s", i, seen[i], seenAgain[i])
				}
			}
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if got != string(want) {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

// player plays one story: a machine with a clock and deadlines.
type player struct {
	t      *testing.T
	m      *Machine
	now    time.Time
	timers map[Timer]time.Time
	out    strings.Builder
	state  string
	seen   []string // snapshots

	restored bool // before each event
	notes    bool // are shown
}

func play(t *testing.T, script string, restored bool) (answers string, snapshots []string) {
	p := &player{t: t, restored: restored, now: time.Unix(0, 0), timers: map[Timer]time.Time{}}
	for line := range strings.Lines(script) {
		line = strings.TrimRight(line, "\n")
		if strings.HasPrefix(line, "  ") {
			continue // what the last run answered
		}
		fmt.Fprintln(&p.out, line)
		if line != "" && line[0] != '#' {
			p.line(strings.Fields(line))
		}
	}
	return p.out.String(), p.seen
}

func (p *player) line(words []string) {
	switch words[0] {
	case "spec":
		p.m = New(p.spec(words[1:]))
	case "wait":
		p.wait(p.duration(words[1]))
	case "show":
		p.show()
	case "sleep":
		p.sleep(p.duration(words[1]))
	default:
		p.tell(p.event(words))
	}
}

func (p *player) spec(words []string) Spec {
	s := Spec{Name: "web", RespawnDelay: 5 * time.Second, StopTimeout: 10 * time.Second}
	for _, w := range words {
		key, value, _ := strings.Cut(w, "=")
		switch key {
		case "follow":
			s.Follow = map[string]Follow{"auto": FollowAuto, "on": FollowOn, "off": FollowOff}[value]
		case "pidfile":
			s.Pidfile = true
		case "notes":
			p.notes = true
		case "limit":
			s.RespawnLimit = p.number(value)
		case "delay":
			s.RespawnDelay = p.duration(value)
		case "timeout":
			s.StopTimeout = p.duration(value)
		case "success":
			for code := range strings.SplitSeq(value, ",") {
				s.SuccessCodes = append(s.SuccessCodes, p.number(code))
			}
		default:
			p.t.Fatalf("unknown word %q", w)
		}
	}
	return s
}

func (p *player) event(words []string) Event {
	n := func(i int) int { return p.number(words[i]) }
	switch words[0] {
	case "start":
		return Start{}
	case "stop":
		return p.stop(words[1:])
	case "restart":
		return Restart{}
	case "reset":
		return Reset{}
	case "resume":
		p.restore()
		return Resume{}
	case "spawned":
		return Spawned{p.m.run, n(1), Program{File: "/web", Args: "web"}}
	case "spawn-failed":
		return SpawnFailed{p.m.run, n(1), strings.Join(words[2:], " ")}
	case "fork":
		return Forked{n(1), n(2)}
	case "exec":
		return Execed{n(1), Program{File: strings.TrimPrefix(words[2], "?"), Args: strings.Join(words[3:], " ")}}
	case "exit":
		return Exited{PID: n(1), Exit: Exit{Known: true, Code: n(2)}, Reaper: p.reaper(words)}
	case "kill":
		return Exited{PID: n(1), Exit: Exit{Known: true, Signal: n(2)}, Reaper: p.reaper(words)}
	case "vanish":
		return Exited{PID: n(1)}
	case "release":
		return Released{n(1)}
	case "named":
		return Named{n(1)}
	case "oom":
		return OOMKilled{n(1)}
	}
	p.t.Fatalf("unknown event %q", words)
	return nil
}

func (p *player) reaper(words []string) int {
	if len(words) > 3 {
		return p.number(words[3])
	}
	return 0
}

// restore has the machine go through writing.
func (p *player) restore() {
	b, err := json.Marshal(p.m.Save())
	var saved Saved
	if err == nil {
		err = json.Unmarshal(b, &saved)
	}
	if err == nil {
		p.m, err = Restore(p.m.spec, saved)
	}
	if err != nil {
		p.t.Fatal(err)
	}
	p.m.restoring = false // as if it had resumed, which would set all deadlines again
}

func (p *player) tell(ev Event) {
	if p.restored {
		p.restore()
	}
	for _, e := range slices.Clone(p.m.Step(p.now, ev)) {
		p.effect(e)
	}
	s := p.m.Snapshot()
	b, err := json.Marshal(s)
	if err != nil {
		p.t.Fatal(err)
	}
	p.seen = append(p.seen, string(b))
	state := fmt.Sprintf("  = %v main %d restarts %d procs%s", s.State, s.Main, s.Restarts, describe(s.Procs))
	if state != p.state {
		p.state = state
		fmt.Fprintln(&p.out, state)
	}
}

// show shows times as so many since the beginning.
func (p *player) show() {
	s := p.m.Snapshot()
	since := func(t time.Time) string {
		if t.IsZero() {
			return "-"
		}
		return t.Sub(time.Unix(0, 0)).String()
	}
	fmt.Fprintf(&p.out, "  since %s, respawn %s, kill %s, followed %v\n", since(s.Since), since(s.Respawn), since(s.Kill), s.Followed)
	if e := s.LastExit; e.PID != 0 {
		by := ""
		if e.Exit.By != ByOther {
			by = fmt.Sprintf(" by %v", e.Exit.By)
		}
		if e.Exit.After > 0 {
			by += fmt.Sprintf(" after %v", e.Exit.After)
		}
		fmt.Fprintf(&p.out, "  last exit %d %v%s, %s\n", e.PID, e.Exit, by, since(e.At))
	}
	fmt.Fprintf(&p.out, "  message %q\n", s.Message)
}

func describe(procs []Proc) string {
	var b strings.Builder
	for _, q := range procs {
		fmt.Fprintf(&b, " %d", q.PID)
		if q.Parent != 0 {
			fmt.Fprintf(&b, "<%d", q.Parent)
		}
		if q.Role != Other {
			fmt.Fprintf(&b, ":%v", q.Role)
		}
	}
	return b.String()
}

func describeNote(n Note) string {
	text := string(n.What)
	if n.PID != 0 {
		text += fmt.Sprintf(" %d", n.PID)
	}
	if n.Parent != 0 {
		text += fmt.Sprintf("<%d", n.Parent)
	}
	if n.What == NoteExited {
		text += fmt.Sprintf(":%v %v", n.Role, n.Exit)
	}
	if n.Text != "" {
		text += ": " + n.Text
	}
	return text
}

func (p *player) effect(e Effect) {
	text := fmt.Sprintf("%T %+v", e, e)
	switch e := e.(type) {
	case Note:
		if !p.notes {
			return
		}
		text = "note " + describeNote(e)
	case Arm:
		p.timers[e.Timer] = e.At
		text = fmt.Sprintf("arm %v +%v", e.Timer, e.At.Sub(p.now))
	case Disarm:
		if _, armed := p.timers[e.Timer]; !armed {
			return
		}
		delete(p.timers, e.Timer)
		text = fmt.Sprintf("disarm %v", e.Timer)
	case Log:
		text = "log " + e.Text
		if e.Warn {
			text = "warn " + e.Text
		}
	case Kill:
		text = fmt.Sprintf("TERM %d", e.PID)
		switch {
		case e.Hard:
			text = fmt.Sprintf("KILL %d", e.PID)
		case e.Signal != 0:
			text = fmt.Sprintf("signal %d to %d", e.Signal, e.PID)
		}
	case Spawn:
		text = fmt.Sprintf("spawn run %d", e.Run)
	case Up:
		text = fmt.Sprintf("up %d", e.PID)
	case Retrying:
		text = "retrying: " + e.Text
	case Done:
		text = fmt.Sprintf("done %d: %s", e.Status, e.Text)
	}
	fmt.Fprintf(&p.out, "  %s\n", text)
}

func (p *player) stop(words []string) (how Stop) {
	for _, w := range words {
		key, value, _ := strings.Cut(w, "=")
		switch key {
		case "timeout":
			d := p.duration(value)
			how.Timeout = &d
		case "signal":
			how.Signal = p.number(value)
		default:
			p.t.Fatalf("unknown word %q", w)
		}
	}
	return how
}

// sleep lets time pass while the supervisor is held up: what falls due is told
// only afterwards.
func (p *player) sleep(d time.Duration) {
	p.now = p.now.Add(d)
	for t, due := range p.timers {
		if due.Before(p.now) {
			p.timers[t] = p.now
		}
	}
	p.wait(0)
}

// wait lets time pass; each deadline falls due at its time, the earliest first.
func (p *player) wait(d time.Duration) {
	end := p.now.Add(d)
	for {
		timer, at := Timer(-1), end
		for t, due := range p.timers {
			if !due.After(at) && (timer < 0 || due.Before(at) || t < timer) {
				timer, at = t, due
			}
		}
		p.now = at
		if timer < 0 {
			return
		}
		delete(p.timers, timer)
		fmt.Fprintf(&p.out, "  (%v is due)\n", timer)
		p.tell(Due{timer})
	}
}

func (p *player) number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		p.t.Fatal(err)
	}
	return n
}

func (p *player) duration(s string) time.Duration {
	d, err := time.ParseDuration(s)
	if err != nil {
		p.t.Fatal(err)
	}
	return d
}

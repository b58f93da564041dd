package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clipperhouse/displaywidth"

	"respawner/watch/control"
)

// sampleAt is a sample of the zoo, n ticks after the first.
func sampleAt(n int) sampleMsg {
	used := map[string]usage{
		"lighttpd": {cpu: float64(n * n), memory: 12345678, main: 124}, "old": {cpu: 0.4, memory: 3 << 30, atMost: true, main: 4194304},
	}
	return sampleMsg{renderNow.Add(time.Duration(n) * topTick), zoo(), used}
}

// screens are what a user sees after some messages; each is rendered into the
// golden file that bears its name.
func screens() map[string][]any {
	size := sizeMsg{80, 24}
	begun := []any{size, sampleAt(0), sampleAt(1), sampleAt(5), sampleAt(9),
		eventMsg{"lighttpd", control.Event{What: "running", Time: renderNow}},
		eventMsg{"single.sh", control.Event{What: "crashed", Text: "exited,\x1b status 1", Time: renderNow}}}
	then := func(msgs ...any) []any { return append(slices.Clone(begun), msgs...) }
	selected := func(msgs ...any) []any { return append(then(downTo("lighttpd")...), msgs...) }
	processes := treeLines(zooOf("lighttpd"), time.Hour, func(int) procInfo { return procInfo{Born: time.Minute} }, fakeCmdline)
	forest := detailMsg{source: topDo{doTree, "lighttpd"}, titles: processes[0], lines: processes[1:]}
	log := func(lines int) detailMsg {
		msg := detailMsg{source: topDo{doLog, "lighttpd"}, titles: line{{"/var/log/lighttpd.log", dim}}}
		for i := range lines {
			msg.lines = append(msg.lines, line{{strings.Repeat(fmt.Sprintf("line %d ", i+1), 10), plain}})
		}
		return msg
	}
	unkept := detailMsg{source: topDo{doLog, "lighttpd"}, err: errors.New("nothing is kept\a")}
	return map[string][]any{
		"first":    {size, sampleAt(0)},
		"nothing":  {size, sampleMsg{asked: renderNow}},
		"begun":    begun,
		"selected": then(keyMsg("down")),
		"wide":     then(sizeMsg{140, 12}, keyMsg("j")),
		"narrow":   then(sizeMsg{40, 10}, keyMsg("end")),
		"tiny":     then(sizeMsg{12, 3}, keyMsg("j"), keyMsg("j")),
		"speck":    then(sizeMsg{1, 1}),
		"short":    then(sizeMsg{80, 7}, keyMsg("G")),
		"ending":   selected(keyMsg("s")),
		"stopping": selected(keyMsg("s"), keyMsg("y")),
		"goes-on":  selected(keyMsg("s"), keyMsg("n")),
		"refused":  then(keyMsg("r"), outcomeMsg{err: errors.New("broken has no supervisor\a")}),
		"tree":     selected(keyMsg("enter"), forest),
		"scrolled": selected(sizeMsg{80, 6}, keyMsg("t"), forest, keyMsg("pgdown")),
		"back":     selected(keyMsg("t"), forest, keyMsg("q")),
		"log":      selected(keyMsg("l"), log(3)),
		"log-end":  selected(keyMsg("l"), log(30), sizeMsg{80, 8}, log(40)),
		"log-up":   selected(keyMsg("l"), log(30), sizeMsg{80, 8}, keyMsg("pgup")),
		"log-down": selected(sizeMsg{80, 8}, keyMsg("l"), log(30), keyMsg("pgup"), keyMsg("end"), log(40)),
		"log-none": selected(keyMsg("l"), unkept),
		"log-late": selected(keyMsg("l"), keyMsg("q"), unkept),
		"gone":     then(keyMsg("end"), sampleMsg{renderNow.Add(time.Minute), zoo()[:3], nil}),
		"counted":  {size, sampleAt(0), clockMsg(renderNow.Add(1200 * time.Millisecond))},
		"restarted": then(statusMsg{renderNow.Add(time.Hour), &control.Status{Name: "lighttpd", State: stateRunning, MainPID: 200,
			Processes: []control.Process{{PID: 200}}}}),
		"exited":    then(eventMsg{"broken", control.Event{What: "exited", PID: 9, Exit: &control.Exit{PID: 9, Code: 1}, Time: renderNow}}),
		"help":      then(keyMsg("?")),
		"help-down": then(sizeMsg{80, 10}, keyMsg("?"), keyMsg("end")),
		"search":    then(keyMsg("/"), keyMsg("L"), keyMsg("i"), keyMsg("q"), keyMsg("backspace")),
		"found":     then(keyMsg("/"), keyMsg("l"), keyMsg("enter"), keyMsg("j")),
		"not-found": then(keyMsg("/"), keyMsg("x"), keyMsg("q"), keyMsg("enter")),
		"esc":       then(keyMsg("/"), keyMsg("x"), keyMsg("q"), keyMsg("enter"), keyMsg("esc")),
		"by-mem":    then(keyMsg("M")),
		"by-uptime": then(keyMsg("T"), keyMsg("home")),
		"by-none":   then(keyMsg("P"), keyMsg("P")),
		"changed": then(statusMsg{renderNow.Add(time.Hour), &control.Status{Name: "broken", State: "starting"}},
			sampleAt(10)),
	}
}

// downTo are the keys that select a service, from the first one.
func downTo(name string) (keys []any) {
	at := slices.IndexFunc(zoo(), func(s *control.Status) bool { return s.Name == name })
	for range at {
		keys = append(keys, keyMsg("j"))
	}
	return keys
}

func play(msgs []any) (m topModel) {
	m = topModel{where: "/run/respawner"}
	for _, msg := range msgs {
		m, _ = m.update(msg)
	}
	return m
}

func TestTopScreens(t *testing.T) {
	for name, msgs := range screens() {
		t.Run(name, func(t *testing.T) {
			m := play(msgs)
			golden(t, filepath.Join("testdata", "top-"+name+".txt"), display{width: m.width}.drawAll(m.view()))
		})
	}
}

// TestTopFits: whatever the size of the terminal, the screen is as large.
func TestTopFits(t *testing.T) {
	for name, msgs := range screens() {
		m := play(msgs)
		for m.width = 1; m.width < 150; m.width += 7 {
			for m.height = 1; m.height < 30; m.height++ {
				lines := m.view()
				if len(lines) != m.height {
					t.Fatalf("%s at %dx%d: %d lines", name, m.width, m.height, len(lines))
				}
				for _, l := range lines {
					drawn := display{width: m.width}.draw(l)
					if wide := displaywidth.String(drawn); wide > m.width || strings.ContainsAny(drawn, "\x1b\a\n") {
						t.Fatalf("%s at %dx%d: %d columns: %q", name, m.width, m.height, wide, drawn)
					}
				}
			}
		}
	}
}

// TestTopSelectedIsShown: the mark is on the screen, wherever one goes.
func TestTopSelectedIsShown(t *testing.T) {
	m := play(screens()["begun"])
	for m.height = 1; m.height < 12; m.height++ {
		for _, key := range strings.Fields("down down end up pgup home pgdown") {
			m, _ = m.update(keyMsg(key))
			shown := display{width: m.width}.drawAll(m.view())
			if !strings.Contains(shown, "> "+m.selected[:2]) {
				t.Errorf("%d lines, after %s: %s is not there:\n%s", m.height, key, m.selected, shown)
			}
		}
	}
}

// TestTopDoes: what keys have done, on one of the services.
func TestTopDoes(t *testing.T) {
	for keys, want := range map[string][]topDo{
		"r":                {{doRestart, "lighttpd"}},
		"s":                nil,
		"s y":              {{doStop, "lighttpd"}},
		"s n":              nil,
		"s q":              nil,
		"s enter":          nil,
		"t":                {{doTree, "lighttpd"}},
		"t q":              nil,
		"t q q":            {{doQuit, ""}},
		"t r":              nil,
		"l":                {{doLog, "lighttpd"}},
		"l l":              nil,
		"l r":              nil,
		"l l q":            {{doQuit, ""}},
		"l q q":            {{doQuit, ""}},
		"l esc q":          {{doQuit, ""}},
		"t s":              nil,
		"q":                {{doQuit, ""}},
		"ctrl-c":           {{doInterrupt, ""}},
		"S":                {{doStart, "lighttpd"}},
		"a":                {{doAdopt, "lighttpd"}},
		"?":                nil,
		"? s y":            nil,
		"? ? S":            {{doStart, "lighttpd"}},
		"/ q":              nil,
		"/ r S":            nil,
		"/ l enter r":      {{doRestart, "lighttpd"}},
		"/ o l enter r":    {{doRestart, "old"}},
		"/ down r enter r": {{doRestart, "broken"}},
		"/ ctrl-c":         {{doInterrupt, ""}},
		"P home r":         {{doRestart, "lighttpd"}},
		"M end home r":     {{doRestart, "old"}},
		"R home r":         {{doRestart, "old"}},
		"T home r":         {{doRestart, "old"}},
		"N home r":         {{doRestart, "alone"}},
		"N N G r":          {{doRestart, "über-日本語"}},
		"x":                nil,
	} {
		m := play(append(screens()["begun"], downTo("lighttpd")...))
		var got []topDo
		for key := range strings.FieldsSeq(keys) {
			m, got = m.update(keyMsg(key))
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, want %v", keys, got, want)
		}
	}
	m, _ := topModel{}.update(keyMsg("r"))
	if _, got := m.update(keyMsg("s")); got != nil {
		t.Errorf("without a service: %v", got)
	}
}

// TestTopDetailIsRenewed: with each sample, but for a log in which one has gone
// back; and not again before it was brought.
func TestTopDetailIsRenewed(t *testing.T) {
	for screen, want := range map[string][]topDo{
		"tree": {{doTree, "lighttpd"}}, "scrolled": {{doTree, "lighttpd"}}, "log": {{doLog, "lighttpd"}},
		"log-end": {{doLog, "lighttpd"}}, "log-down": {{doLog, "lighttpd"}}, "log-up": nil, "log-none": nil, "back": nil,
	} {
		m, got := play(screens()[screen]).update(sampleAt(11))
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, want %v", screen, got, want)
		}
		if _, again := m.update(sampleAt(12)); again != nil {
			t.Errorf("%s: while that is under way: %v", screen, again)
		}
	}
}

func TestSparkline(t *testing.T) {
	for want, samples := range map[string][]float64{
		"    ":  nil,
		"   ▁":  {0},
		"  ▁▅":  {0, 5},
		" ▁▅█":  {0, 50, 100},
		"▁▁▁█":  {99, 0, 0, 0, 400},
		"▁▁▁▁▁": {-1, 0, 0, 0, 0.1},
	} {
		if got := sparkline(samples, len([]rune(want))); got != want {
			t.Errorf("%v: %q, want %q", samples, got, want)
		}
	}
}

func TestParseKeys(t *testing.T) {
	for sent, want := range map[string]string{
		"j": "[j]", "qs": "[q s]", "\x1b[A\x1b[B": "[up down]", "\x1bOAx": "[up x]", "\x1b": "[esc]", "\r": "[enter]",
		"\x1b[5~\x1b[6~": "[pgup pgdown]", "\x03": "[ctrl-c]", "\x1b[1;5Cq": "[q]", "\x1b[": "[]", "\x1bO": "[esc O]",
		"é\xff\x00": "[]", "": "[]",
	} {
		if got := fmt.Sprint(parseKeys(sent)); got != want {
			t.Errorf("%q: %s, want %s", sent, got, want)
		}
	}
}

func FuzzParseKeys(f *testing.F) {
	f.Add("\x1b[A\x1bO\x1b[1;2")
	f.Fuzz(func(t *testing.T, sent string) {
		m := play(screens()["begun"])
		for _, key := range parseKeys(sent) {
			m, _ = m.update(keyMsg(key))
		}
		if got := len(m.view()); got != m.height {
			t.Errorf("%d lines", got)
		}
	})
}

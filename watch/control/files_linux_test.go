package control

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// lines is what a fuzz target makes of text: each "long" is longer than any buffer.
func lines(text []byte) []byte {
	return bytes.ReplaceAll(text, []byte("long"), bytes.Repeat([]byte("l"), 70_000))
}

// FuzzHistory: a line that can't be read, whatever is in it and however long it is, costs no other line.
func FuzzHistory(f *testing.F) {
	for _, seed := range []string{"", "{", "null", "{}\n{\"what\":\"\"}", "long", "\x00\xff", `{"what":"x"}`, `{"what":7}`, "\r\n"} {
		f.Add([]byte(seed))
	}
	good := Event{Seq: 7, Time: time.Unix(5, 0).UTC(), What: "exited", PID: 2, Exit: &Exit{PID: 2, Signal: 11, Core: true}}
	f.Fuzz(func(t *testing.T, text []byte) {
		garbled := lines(text)
		before := parseEvents(garbled)
		all := parseEvents(slices.Concat(garbled, []byte("\n"), Line(good)))
		if n := len(all); n != len(before)+1 || !reflect.DeepEqual(all[n-1], good) {
			t.Fatalf("after %q: %+v", text, all)
		}
		var again []byte
		for _, ev := range before {
			if ev.What == "" {
				t.Errorf("%q: an event that says nothing", text)
			}
			again = append(again, Line(ev)...)
		}
		var third []byte
		for _, ev := range parseEvents(again) {
			third = append(third, Line(ev)...)
		}
		if !bytes.Equal(third, again) {
			t.Errorf("%s came back as %s", again, third)
		}
	})
}

// FuzzLock: whatever is in a lock file, its claim has an ID that is fit for an
// environment and that the next claim has too; an ID that was there is kept.
func FuzzLock(f *testing.F) {
	for _, seed := range []string{
		"", "0123456789abcdef0123456789abcdef", "0123456789ABCDEF0123456789ABCDEF\nx", "0123456789abcdef0123456789abcde",
		"0123456789abcdef0123456789abcdeg", "\x00\xff", "=\n", "long",
	} {
		f.Add([]byte(seed))
	}
	path := f.TempDir()
	f.Fuzz(func(t *testing.T, text []byte) {
		d, err := OpenDir(path)
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		if err := os.WriteFile(filepath.Join(path, "x.lock"), lines(text), 0o600); err != nil {
			t.Fatal(err)
		}
		var ids []string
		for range 2 {
			c, err := d.Claim("x")
			if err != nil {
				t.Fatalf("%.100q: %v", text, err)
			}
			ids = append(ids, c.ID())
			if !c.TakenUp() {
				t.Errorf("%.100q: not taken up", text)
			}
			if err := c.Abandon(); err != nil {
				t.Fatal(err)
			}
		}
		hex := regexp.MustCompile(`^[0-9a-fA-F]{32}`)
		if !hex.MatchString(ids[0]) || len(ids[0]) != 32 || ids[1] != ids[0] {
			t.Errorf("%.100q: the IDs are %q", text, ids)
		}
		if was := hex.FindString(string(lines(text))); was != "" && ids[0] != was {
			t.Errorf("%.100q: the ID is %q", text, ids[0])
		}
	})
}

// FuzzFiles: whatever is in the files of a dead supervisor, there is an error, or what can be acted on.
func FuzzFiles(f *testing.F) {
	f.Add([]byte(Line(Definition{Program: "/bin/x", Args: []string{"y"}, Options: []string{"n=1"}, Env: []string{"A=b"}, Dir: "/"})))
	f.Add([]byte(Line(Unsupervised("x"))))
	for _, seed := range []string{"", "{", "null", `{"program":"x","dir":"/"}`, `{"program":"/x","dir":"/","options":[""]}`, "{\"program\":\"/x\\u0000\",\"dir\":\"/\"}", `{"name":"y","state":"running"}`, `{"name":"x","pids":null}`} {
		f.Add([]byte(seed))
	}
	path := f.TempDir()
	f.Fuzz(func(t *testing.T, text []byte) {
		d, err := OpenDir(path)
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		for _, file := range []string{"x.command", "x.json"} {
			if err := os.WriteFile(filepath.Join(path, file), text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		def, err := d.Definition("x")
		if err == nil && (!filepath.IsAbs(def.Program) || !filepath.IsAbs(def.Dir)) || err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %+v, %v", text, def, err)
		}
		var again Definition
		if err == nil && (json.Unmarshal(Line(def), &again) != nil || !reflect.DeepEqual(again, def)) {
			t.Errorf("%+v came back as %+v", def, again)
		}
		if last := d.readLast("x"); last.Name != "x" {
			t.Errorf("%q: the last words of %q", text, last.Name)
		}
	})
}

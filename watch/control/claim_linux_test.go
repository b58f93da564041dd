package control

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// hold claims x until its input ends, and says so.
func hold(d *Dir, in *bufio.Scanner, _ []string) error {
	c, err := d.Claim("x")
	if err != nil {
		return err
	}
	fmt.Println("held, taken up:", c.TakenUp())
	for in.Scan() {
	}
	return c.Release(nil)
}

// race claims x: "once" says how that came out and keeps it; a number is how
// often to claim it, against all others, and release it again.
func race(d *Dir, in *bufio.Scanner, _ []string) error {
	for in.Scan() {
		if in.Text() == "once" {
			if _, err := d.Claim("x"); errors.Is(err, ErrHeld) {
				fmt.Println("held by another")
			} else if err != nil {
				return err
			} else {
				fmt.Println("mine")
			}
			continue
		}
		n, _ := strconv.Atoi(in.Text())
		for range n {
			if err := alone(d); err != nil {
				return err
			}
		}
		fmt.Println("done")
	}
	return nil
}

// alone claims x and makes sure that no other process has it.
func alone(d *Dir) error {
	c, err := d.Claim("x")
	for errors.Is(err, ErrHeld) {
		c, err = d.Claim("x")
	}
	if err != nil {
		return err
	}
	mark, err := d.open("mark", unix.O_CREAT|unix.O_EXCL|unix.O_RDWR)
	if err != nil {
		return fmt.Errorf("two at once: %w", err)
	}
	return errors.Join(mark.Close(), d.remove("mark"), c.Release(nil))
}

// releaseForEver claims x and gives it back in good order, over and over.
func releaseForEver(d *Dir, _ *bufio.Scanner, _ []string) error {
	for {
		c, err := d.Claim("x")
		if err == nil {
			err = c.Release(nil)
		}
		if err != nil {
			return err
		}
	}
}

func TestClaimAndPresence(t *testing.T) {
	d, path := runtimeDir(t)
	presence := func(want Presence, wantPID int) {
		t.Helper()
		if got, pid, err := d.Presence("x"); got != want || pid != wantPID || err != nil {
			t.Errorf("presence %v of pid %d, %v; want %v of %d", got, pid, err, want, wantPID)
		}
	}
	presence(Absent, 0)
	holder := enter(t, "hold", path)
	holder.hears("held, taken up: false")
	presence(Held, holder.pid())
	if _, err := d.Claim("x"); !errors.Is(err, ErrHeld) || err.Error() != "x already runs" {
		t.Errorf("a second claim: %v", err)
	}
	presence(Held, holder.pid()) // asking and trying took nothing away

	other := enter(t, "hold", path)
	other.hears("error: x already runs")

	holder.kill()
	presence(Stale, 0)
	next := enter(t, "hold", path)
	next.hears("held, taken up: true")
	presence(Held, next.pid())
	next.leave()
	presence(Absent, 0)
	if got := list(t, path); got != "" {
		t.Errorf("left behind: %q", got)
	}
}

// A service of one name is nothing to one of another.
func TestClaimsAreApart(t *testing.T) {
	d, path := runtimeDir(t)
	enter(t, "hold", path).hears("held, taken up: false")
	c, err := d.Claim("x2")
	if err != nil {
		t.Fatal(err)
	}
	got, _, err := d.Presence("x")
	if err := errors.Join(err, c.Release(nil)); got != Held || err != nil {
		t.Errorf("presence of x: %v, %v", got, err)
	}
}

func TestClaimRace(t *testing.T) {
	const many = 50
	_, path := runtimeDir(t)
	var all []*player
	for range many {
		all = append(all, enter(t, "race", path))
	}
	for _, p := range all {
		p.tell("once")
	}
	var winner *player
	for _, p := range all {
		switch got := p.says(); got {
		case "mine":
			if winner != nil {
				t.Error("two have it")
			}
			winner = p
		case "held by another":
		default:
			t.Errorf("a racer says %q", got)
		}
	}
	if winner == nil {
		t.Fatal("no process holds it")
	}
	winner.kill()
	for _, p := range all {
		if p != winner {
			p.tell("2")
		}
	}
	for _, p := range all {
		if p != winner {
			p.hears("done")
			p.leave()
		}
	}
	if got := list(t, path); got != "" {
		t.Errorf("left behind: %q", got)
	}
}

// Stale means that a supervisor was killed. While one comes and goes in good
// order, no client must be told so.
func TestPresenceOfTheOrderlyIsNeverStale(t *testing.T) {
	d, path := runtimeDir(t)
	enter(t, "release", path)
	seen := map[Presence]int{}
	for range 20000 {
		presence, _, err := d.Presence("x")
		if err != nil {
			t.Fatal(err)
		}
		seen[presence]++
	}
	if seen[Held] == 0 || seen[Absent] == 0 {
		t.Fatalf("saw %v: this proved nothing", seen)
	}
	if seen[Stale] > 0 {
		t.Errorf("of %d looks %d were Stale", 20000, seen[Stale])
	}
}

// A client that stops a service which is just beginning, or just ending, must not take the claim
// away from the supervisor that begins.
func TestStopDoesNotDisturbAStart(t *testing.T) {
	d, path := runtimeDir(t)
	p := enter(t, "release", path)
	for range 2000 {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_, presence, err := d.Stop(ctx, "x", Request{})
		if presence == Stale {
			t.Errorf("found a stale supervisor, where each ends in good order; %v", err)
			break
		}
	}
	if err := unix.Kill(p.pid(), 0); err != nil {
		t.Error(err)
	}
	p.kill()
	if got := p.says(); got != "" {
		t.Errorf("the other process says %q", got)
	}
}

func TestWritePidfile(t *testing.T) {
	d, path := runtimeDir(t)
	outside := filepath.Join(path, "..", "outside")
	tests := []struct {
		name string
		make func(file string) error
		fine bool
	}{
		{"nothing there", func(string) error { return nil }, true},
		{"a stale one", func(f string) error { return os.WriteFile(f, []byte("1\n"), 0o600) }, true},
		{"a link", func(f string) error { return os.Symlink(outside, f) }, true},
		{"a dangling link", func(f string) error { return os.Symlink(outside+"2", f) }, true},
		{"a hard link", func(f string) error { return os.Link(outside, f) }, true},
		{"a directory", func(f string) error { return os.Mkdir(f, 0o700) }, false},
		{"no folder", func(f string) error { return os.Remove(filepath.Dir(f)) }, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := os.WriteFile(outside, []byte("precious"), 0o600); err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(t.TempDir(), "x.pid")
			if err := tt.make(file); err != nil {
				t.Fatal(err)
			}
			before, _ := os.Lstat(file)
			c, err := d.Claim("x")
			if err != nil {
				t.Fatal(err)
			}
			err = c.WritePidfile(file)
			if b, _ := os.ReadFile(file); tt.fine != (err == nil) || tt.fine && string(b) != fmt.Sprintln(os.Getpid()) {
				t.Errorf("%q, %v", b, err)
			}
			if err != nil && !strings.Contains(err.Error(), file) {
				t.Errorf("%q does not name the file", err)
			}
			if err := c.Release(nil); err != nil {
				t.Error(err)
			}
			after, _ := os.Lstat(file)
			if tt.fine && after != nil || !tt.fine && before != nil && after == nil {
				t.Errorf("before %v, after the release %v", before, after)
			}
			if b, err := os.ReadFile(outside); string(b) != "precious" {
				t.Errorf("the file outside: %q, %v", b, err)
			}
			if _, err := os.Lstat(outside + "2"); err == nil {
				t.Error("made what a link points to")
			}
		})
	}
}

func TestReleaseLeavesTheLastWords(t *testing.T) {
	d, path := runtimeDir(t)
	claim := func() *Claim {
		t.Helper()
		c, err := d.Claim("x")
		if err != nil {
			t.Fatal(err)
		}
		fd, err := c.Listen()
		if err != nil {
			t.Fatal(err)
		}
		_ = unix.Close(fd)
		return c
	}
	want := full()
	want.Name = "x"
	c := claim()
	if err := c.Release(want); err != nil {
		t.Fatal(err)
	}
	if got := list(t, path); got != "x.json" {
		t.Errorf("left behind: %q", got)
	}
	if got, presence, err := d.Status("x"); !reflect.DeepEqual(got, want) || presence != Absent || err != nil {
		t.Errorf("got %+v, %v, %v", got, presence, err)
	}
	c = claim()
	if got := list(t, path); got != "x.lock x.sock" {
		t.Errorf("of a new claim: %q; the words before it are out of date", got)
	}
	if err := c.Release(nil); err != nil {
		t.Error(err)
	}
	if got := list(t, path); got != "" {
		t.Errorf("left behind: %q", got)
	}
}

// What lies in the way in the runtime directory: there we are alone, so it is
// the work of a mistake, and must give an error or be replaced, never hang.
func TestClaimObstacles(t *testing.T) {
	tests := []struct {
		name string
		make func(d string) error
		want string // of the error of Claim or Listen; empty for none
	}{
		{"lock is a link", func(d string) error { return os.Symlink(d+"/other", d+"/x.lock") }, "x.lock"},
		{"lock is a directory", func(d string) error { return os.Mkdir(d+"/x.lock", 0o700) }, "x.lock"},
		{"socket is a stale one", func(d string) error { return os.WriteFile(d+"/x.sock", nil, 0o600) }, ""},
		{"socket is a link", func(d string) error { return os.Symlink(d+"/other", d+"/x.sock") }, ""},
		{"socket is a directory", func(d string) error { return os.Mkdir(d+"/x.sock", 0o700) }, "x.sock"},
		{"last words are a directory", func(d string) error { return os.Mkdir(d+"/x.json", 0o700) }, "x.json"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d, path := runtimeDir(t)
			if err := tt.make(path); err != nil {
				t.Fatal(err)
			}
			c, err := d.Claim("x")
			if err == nil {
				var fd int
				if fd, err = c.Listen(); err == nil {
					_ = unix.Close(fd)
				}
				_ = c.Release(nil)
			}
			if (tt.want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want one about %q", err, tt.want)
			}
			if _, err := os.Lstat(path + "/other"); err == nil {
				t.Error("made what a link points to")
			}
		})
	}
}

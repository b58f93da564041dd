package watch

import (
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"respawner/watch/control"
	"respawner/watch/service"
)

// A client that waits for the service to have stopped is not told so by a crash that
// the service comes back from.
func TestControlWaitIsForGood(t *testing.T) {
	s := begin(t, shell("exec sleep 1000", service.Spec{}))
	main := s.up()
	c := s.call()
	c.say(`{"v":1,"op":"wait","for":"stopped"}` + "\n")
	c.hear()
	check(t, unix.Kill(main, unix.SIGKILL))
	s.await("restarted", func(st *control.Status) bool { return st.Restarts == 1 && st.State == "running" })
	stopper := s.call()
	stopper.say(askStop)
	if r := c.hear(); r.Status == nil || r.Status.State != "stopped" {
		t.Errorf("heard %+v", r)
	}
	c.hearEnd()
	s.end()
}

// Requests that come at once need not be the same: each is read as it was sent.
func TestControlDifferentRequestsAtOnce(t *testing.T) {
	s, _ := sleeper(t)
	c := s.call()
	c.say(askStatus + `{"v":1,"op":"reset"}` + "\n" + askStatus + `{"v":1,"op":"signal","signal":99}` + "\n")
	for n := range 3 {
		if r := c.hear(); r.Status == nil {
			t.Fatalf("answer %d: %+v", n, r)
		}
	}
	if r := c.hear(); r.Code != control.CodeRequest || !strings.Contains(r.Error, "99") {
		t.Errorf("got %+v", r)
	}
	c.hearEnd()
}

package watch

import (
	"testing"

	"golang.org/x/sys/unix"

	"respawner/watch/control"
	"respawner/watch/service"
)

// Who waits for the service to have stopped is not told so by a crash that it
// comes back from.
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

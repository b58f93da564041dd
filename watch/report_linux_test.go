package watch

import (
	"testing"
	"time"

	"respawner/watch/service"
)

// What was said before a crash is told until the service has been running for long enough.
func TestWordsNow(t *testing.T) {
	begun := time.Unix(0, 0)
	u := &unit{said: []string{"FATAL"}}
	for _, c := range []struct {
		state service.State
		after time.Duration
		told  bool
	}{
		{service.Running, wellTime - 1, true},
		{service.Running, wellTime, false},
		{service.Backoff, time.Hour, true},
		{service.Failed, 1000 * time.Hour, true},
	} {
		got := u.wordsNow(service.Snapshot{State: c.state, Since: begun}, begun.Add(c.after))
		if told := len(got) == 1; told != c.told {
			t.Errorf("%v for %v: told %v, want %v", c.state, c.after, told, c.told)
		}
	}
}

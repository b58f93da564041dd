//go:build linux

package test

import (
	"encoding/binary"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// inZone is a command of the service, in a time zone.
func (s *service) inZone(zone, verb string, options ...string) result {
	s.t.Helper()
	cmd := s.command(verb, options...)
	cmd.Env = append(cmd.Env, "TZ="+zone)
	return finish(s.t, cmd)
}

// zone writes a time zone, so many seconds east of UTC, and returns what TZ is then.
func zone(t *testing.T, east int32) string {
	t.Helper()
	text := binary.BigEndian.AppendUint32(append([]byte("TZif"), make([]byte, 16+4*4)...), 1) // one type,
	text = binary.BigEndian.AppendUint32(text, 4)                                             // four letters,
	text = binary.BigEndian.AppendUint32(text, uint32(east))                                  // and that is it
	return writeFile(t, tempDir(t)+"/zone", string(append(text, 0, 0, 'X', 'X', 'X', 0)), 0o644)
}

// All that is printed has its times in the local zone, with its offset; --utc has
// them in UTC.
func TestTimesInOneZone(t *testing.T) {
	t.Parallel()
	s := newShell(t, `echo hello; exec sleep 300`)
	east, west := zone(t, 5*3600+45*60), zone(t, -8*3600)
	if r := s.inZone(east, "start", "-t", "300"); r.code != 0 {
		t.Fatalf("start: %v", r)
	}
	s.kept().waitFor(`hello$`, 1)
	const ms, offset = `\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}`, `\+05:45`
	for words, pattern := range map[string]string{
		"status": `running since \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d%s \(`, "events": `(?m)\A(` + ms + `%s .*\n)+\z`,
		"history": `(?m)^  ` + ms + `%s  started `, "logs": `(?m)\A(` + ms + `%s .*\n)+\z`,
	} {
		for _, z := range []struct{ name, option, want string }{
			{east, "", offset}, {"UTC", "", "Z"}, {east, "--utc", "Z"}, {west, "", "-08:00"},
		} {
			r := s.inZone(z.name, words, strings.Fields(z.option)...)
			if want := fmt.Sprintf(pattern, z.want); r.code != 0 || !regexp.MustCompile(want).MatchString(r.stdout) {
				t.Errorf("%s %s in %s: %v\nwant %s", words, z.option, z.name, r, want)
			}
		}
	}
	for _, file := range []textFile{s.kept(), s.log} {
		if n := file.count(`^` + ms + offset + ` `); n == 0 || n != file.count(`^.`) {
			t.Errorf("%s:\n%s", file.path, file.text())
		}
	}
	hello := regexp.MustCompile(`(?m)^(\S+) hello$`).FindStringSubmatch(s.tell("logs").stdout)
	if local := regexp.MustCompile(`(?m)^(\S+) hello$`).FindStringSubmatch(s.kept().text()); hello == nil || local == nil || !sameTime(t, hello[1], local[1]) {
		t.Errorf("%q is another time than %q", hello, local)
	}
	s.stop()
}

func sameTime(t *testing.T, a, b string) bool {
	t.Helper()
	ta, errA := time.Parse(time.RFC3339, a)
	tb, errB := time.Parse(time.RFC3339, b)
	return errA == nil && errB == nil && ta.Equal(tb)
}

// --since and --until take what people write for a time.
func TestSinceAndUntil(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("date"); err != nil {
		skip(t, "no date")
	}
	s := newShell(t, `echo now; exec sleep 300`)
	s.start()
	s.kept().waitFor(`now$`, 1)
	// What an earlier life has written, two days and three hours ago.
	now := time.Now()
	old := func(ago time.Duration, text string) string {
		return now.Add(-ago).UTC().Format("2006-01-02T15:04:05.000Z ") + text + "\n"
	}
	path := s.kept().path
	writeFile(t, path+"."+now.Add(-2*time.Hour).UTC().Format("20060102T150405.000Z"), old(51*time.Hour, "days")+old(3*time.Hour, "hours"), 0o640)
	stampOf := func(ago time.Duration, layout string) string { return now.Add(-ago).Local().Format(layout) }
	for words, want := range map[string]string{
		"--since 1h": "now", "--since 4h": "hours,now", "--since 1d": "hours,now", "--since 1w": "days,hours,now", "--since 0": "days,hours,now",
		"--until 1h": "days,hours", "--since 3d --until 1d": "days", "--until 1d -n 5": "days", "--until now -n 1": "now",
		"--since @" + strconv.FormatInt(now.Add(-4*time.Hour).Unix(), 10): "hours,now",
		"--since " + strconv.FormatInt(now.Add(-time.Minute).Unix(), 10):  "now",
		"--since " + stampOf(50*time.Hour, time.RFC3339):                  "hours,now",
		"--since " + stampOf(72*time.Hour, time.DateOnly):                 "days,hours,now",
		"--until " + stampOf(time.Hour, "2006-01-02T15:04"):               "days,hours",
		"--since " + stampOf(2*time.Hour, "15:04"):                        "now",
		"--until " + stampOf(2*time.Hour, "15:04:05"):                     "days,hours",
		"--until " + stampOf(72*time.Hour, time.DateOnly):                 "",
		"--until yesterday": "days",
	} {
		got := strings.Join(s.logs(strings.Fields(words)...), ",")
		if words == "--until yesterday" && now.Add(-51*time.Hour).Local().Day() == now.AddDate(0, 0, -1).Day() {
			continue
		}
		if got != want {
			t.Errorf("logs %s: %q, want %q", words, got, want)
		}
	}
	if today := strings.Join(s.logs("--since", "today"), ","); !strings.HasSuffix(today, "now") || strings.Contains(today, "days") {
		t.Errorf("today: %s", today)
	}
	mustFail(t, s.tell("logs", "--since", "30"), 2, `bad --since "30"`, "30s", "seconds since 1970")
	mustFail(t, s.tell("logs", "-f", "--until", "now"), 2, "--until and -f exclude each other")
	s.stop()
}

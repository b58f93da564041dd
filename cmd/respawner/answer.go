package main

import (
	"io"
	"time"

	"respawner/watch/control"
)

// The answers of commands with --json, as docs/schema.json describes them: each has all its
// fields, and null in the place of what there is none of. They have what the supervisor's
// have, but for the fields that are written here.
type (
	serviceAnswer struct {
		*control.Status
		Since          *time.Time      `json:"since"`
		MainPID        *int            `json:"main_pid"`
		SupervisorPID  *int            `json:"supervisor_pid"`
		Version        *string         `json:"version"`
		Command        []string        `json:"command"`
		Folder         *string         `json:"folder"`
		RespawnLimit   *int            `json:"respawn_limit"`
		NextStart      *time.Time      `json:"next_start"`
		KillAt         *time.Time      `json:"kill_at"`
		Stuck          *string         `json:"stuck"`
		Processes      []processAnswer `json:"processes"`
		Follow         *string         `json:"follow"`
		Tracking       *string         `json:"tracking"`
		TrackingReason *string         `json:"tracking_reason"`
		LastExit       *exitAnswer     `json:"last_exit"`
		Said           []string        `json:"said"`
		Output         *string         `json:"output"`
		Message        *string         `json:"message"`
		CPU            *float64        `json:"cpu_seconds"`
		Memory         *int64          `json:"memory_bytes"`
	}

	processAnswer struct {
		control.Process
		Role    *string  `json:"role"`
		Command *string  `json:"command_line"`
		CPU     *float64 `json:"cpu_seconds"`
		Memory  *int64   `json:"memory_bytes"`
	}

	exitAnswer struct {
		control.Exit
		Code       *int       `json:"code"`
		Signal     *int       `json:"signal"`
		SignalName *string    `json:"signal_name"`
		Core       bool       `json:"core"`
		At         *time.Time `json:"time"`
		By         *string    `json:"by"`
		After      *float64   `json:"after"`
	}

	eventAnswer struct {
		Name string `json:"name"`
		control.Event
		PID  *int        `json:"pid"`
		PPID *int        `json:"ppid"`
		Role *string     `json:"role"`
		Exit *exitAnswer `json:"exit"`
		Text *string     `json:"text"`
	}

	historyAnswer struct {
		Name  string       `json:"name"`
		Lives []lifeAnswer `json:"lives"`
	}

	lifeAnswer struct {
		Number int           `json:"number"`
		Up     *time.Time    `json:"up"`
		Ended  *time.Time    `json:"ended"`
		Story  string        `json:"story"`
		Events []eventAnswer `json:"events"`
	}
)

// orNull returns a value that is null in JSON where it is the zero value.
func orNull[T comparable](v T) *T {
	var none T
	if v == none {
		return nil
	}
	return &v
}

func timeOrNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// answerOf returns what is printed of a service, with what its processes use now.
func answerOf(s *control.Status) serviceAnswer {
	a := serviceAnswer{
		Status: s, Since: timeOrNull(s.Since), MainPID: orNull(s.MainPID), SupervisorPID: orNull(s.SupervisorPID), Version: orNull(s.Version),
		Command: s.Command, Folder: orNull(s.Folder), RespawnLimit: orNull(s.RespawnLimit), NextStart: s.NextStart, KillAt: s.KillAt,
		Stuck: orNull(s.Stuck), Processes: []processAnswer{}, Follow: orNull(s.Follow), Tracking: orNull(s.Tracking),
		TrackingReason: orNull(s.TrackingReason), LastExit: answerOfExit(s.LastExit), Said: s.Said,
		Output: orNull(s.Output), Message: orNull(s.Message),
	}
	seen := look(s)
	for _, p := range s.Processes {
		q := processAnswer{Process: p, Role: orNull(p.Role), Command: orNull(cmdline(p.PID))}
		if info, lives := seen[p.PID]; lives {
			q.use(info, &a)
		}
		a.Processes = append(a.Processes, q)
	}
	return a
}

// use notes what a process uses, and adds it to the use of its service. The time of children
// that have ended is included.
func (p *processAnswer) use(info seen, service *serviceAnswer) {
	memory, told := readPSS(p.PID)
	if !told {
		memory = info.RSS
	}
	cpu := info.CPU.Seconds()
	p.CPU, p.Memory = &cpu, &memory
	all, used := memory, (info.CPU + info.Kids).Seconds()
	if service.CPU != nil {
		all, used = all+*service.Memory, used+*service.CPU
	}
	service.CPU, service.Memory = &used, &all
}

func answerOfExit(e *control.Exit) *exitAnswer {
	if e == nil {
		return nil
	}
	a := &exitAnswer{Exit: *e, Core: e.Core, At: timeOrNull(e.At), By: orNull(e.By), After: orNull(e.After)}
	switch {
	case e.Signal > 0:
		a.Signal, a.SignalName = &e.Signal, orNull(wordOf(e.Signal))
	case e.Code >= 0:
		a.Code = &e.Code
	}
	return a
}

func answerOfEvent(ev named) eventAnswer {
	return eventAnswer{
		Name: ev.Name, Event: ev.Event, PID: orNull(ev.PID), PPID: orNull(ev.PPID), Role: orNull(ev.Role),
		Exit: answerOfExit(ev.Exit), Text: orNull(ev.Text),
	}
}

// answerOfLives returns the history of services that have one, in the order in which they were named.
func answerOfLives(all []life) []historyAnswer {
	answer := []historyAnswer{}
	for _, l := range all {
		if n := len(answer); n == 0 || answer[n-1].Name != l.name {
			answer = append(answer, historyAnswer{Name: l.name})
		}
		a := lifeAnswer{Number: l.number, Story: l.story()}
		if up := l.find("running"); up != nil {
			a.Up = &up.Time
		}
		if end := l.end(); end != nil {
			a.Ended = &end.Time
		}
		for _, ev := range l.events {
			a.Events = append(a.Events, answerOfEvent(named{l.name, ev}))
		}
		h := &answer[len(answer)-1]
		h.Lives = append(h.Lives, a)
	}
	return answer
}

// printServices prints an array of services.
func printServices(w io.Writer, all []*control.Status) error {
	answers := []serviceAnswer{}
	for _, s := range all {
		answers = append(answers, answerOf(s))
	}
	return writeJSON(w, answers)
}

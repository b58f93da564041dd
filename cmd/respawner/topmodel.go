package main

import (
	"slices"
	"strings"
	"time"

	"respawner/watch/control"
)

// topModel is what `respawner top` shows. It is pure: update takes in what has
// happened and says what is to be done, view draws it.
type topModel struct {
	where         string // the runtime directory
	now           time.Time
	width, height int

	services []topService // by name
	selected string       // the name of one
	ending   string       // the service whose end awaits a y
	said     string       // what came of the last command
	wrong    bool         // it failed

	detail detail // of one service; closed, all services are shown
}

// topService is a service as top knows it.
type topService struct {
	status *control.Status
	asked  time.Time // when that was
	usage  usage
	cpu    []float64 // percent, the latest last
	last   control.Event
}

// maxCPU is how many samples of a service are kept.
const maxCPU = 60

// What can happen to a topModel.
type (
	// sizeMsg tells the size of the terminal, in columns and lines.
	sizeMsg struct{ width, height int }

	// keyMsg tells of a key, as parseKeys names it.
	keyMsg string

	// sampleMsg tells how all services are, and what they use.
	sampleMsg struct {
		asked    time.Time
		services []*control.Status
		usage    map[string]usage
	}

	// statusMsg tells how one service is.
	statusMsg struct {
		asked  time.Time
		status *control.Status
	}

	// eventMsg tells what came about in a service.
	eventMsg struct {
		name  string
		event control.Event
	}

	// detailMsg tells what a detail has to show, or why there is nothing.
	detailMsg struct {
		source topDo
		titles line
		lines  []line
		err    error
	}

	// outcomeMsg tells what came of a command.
	outcomeMsg struct {
		text string
		err  error
	}
)

// topDo is something that update wants done.
type topDo struct {
	what string // doRestart, doStop, doTree, doLog, doQuit
	name string
}

const (
	doRestart = "restart"
	doStop    = "stop"
	doTree    = "tree"
	doLog     = "log"
	doQuit    = "quit"

	doInterrupt = "interrupt" // ^C
)

// update takes in what has happened.
func (m topModel) update(msg any) (topModel, []topDo) {
	switch msg := msg.(type) {
	case sizeMsg:
		m.width, m.height = msg.width, msg.height
	case keyMsg:
		return m.key(string(msg))
	case sampleMsg:
		return m.sampled(msg).renewed()
	case statusMsg:
		m.services = slices.Clone(m.services)
		if i := m.find(msg.status.Name); i >= 0 {
			m.services[i] = m.services[i].told(msg.asked, msg.status)
		}
		m.now = latest(m.now, msg.asked)
	case eventMsg:
		m.services = slices.Clone(m.services)
		if i := m.find(msg.name); i >= 0 {
			m.services[i].last = msg.event
		}
	case detailMsg:
		m = m.detailed(msg)
	case outcomeMsg:
		m.said, m.wrong = msg.text, msg.err != nil
		if m.wrong {
			m.said = msg.err.Error()
		}
	}
	return m, nil
}

// sampled takes in a sample; services that are not in it are gone.
func (m topModel) sampled(msg sampleMsg) topModel {
	var services []topService
	for _, s := range msg.services {
		var t topService
		if i := m.find(s.Name); i >= 0 {
			t = m.services[i]
		}
		t = t.told(msg.asked, s)
		t.usage = msg.usage[s.Name]
		t.cpu = append(slices.Clone(t.cpu), t.usage.cpu)
		t.cpu = t.cpu[max(0, len(t.cpu)-maxCPU):]
		services = append(services, t)
	}
	slices.SortFunc(services, func(a, b topService) int { return strings.Compare(a.status.Name, b.status.Name) })
	at := max(m.find(m.selected), 0) // whoever takes the place of one that is gone
	m.services, m.now = services, latest(m.now, msg.asked)
	if m.find(m.selected) < 0 {
		m = m.selectAt(at)
	}
	return m
}

// told takes in a status, unless a later one is known: a sample takes its time.
func (t topService) told(asked time.Time, s *control.Status) topService {
	if !asked.Before(t.asked) {
		t.status, t.asked = s, asked
	}
	return t
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func (m topModel) find(name string) int {
	return slices.IndexFunc(m.services, func(s topService) bool { return s.status.Name == name })
}

// selectAt selects the service at i, or the one that is nearest.
func (m topModel) selectAt(i int) topModel {
	m.selected = ""
	if len(m.services) > 0 {
		m.selected = m.services[min(max(i, 0), len(m.services)-1)].status.Name
	}
	return m
}

// key takes in a key.
func (m topModel) key(key string) (topModel, []topDo) {
	switch {
	case key == "ctrl-c":
		return m, []topDo{{doInterrupt, ""}}
	case m.ending != "":
		return m.confirm(key)
	case m.detail.isOpen():
		return m.detailKey(key), nil
	case key == "q":
		return m, []topDo{{doQuit, ""}}
	}
	m.said, m.wrong = "", false
	return m.listKey(key)
}

// confirm takes in the answer to whether a service is to be ended.
func (m topModel) confirm(key string) (topModel, []topDo) {
	name := m.ending
	m.ending = ""
	if key != "y" {
		m.said = name + " goes on"
		return m, nil
	}
	m.said = "stopping " + name
	return m, []topDo{{doStop, name}}
}

func (m topModel) listKey(key string) (topModel, []topDo) {
	if step, moves := moves(key, m.rows()); moves {
		return m.selectAt(m.find(m.selected) + step), nil
	}
	if m.selected == "" {
		return m, nil
	}
	switch key {
	case "r":
		m.said = "restarting " + m.selected
		return m, []topDo{{doRestart, m.selected}}
	case "s":
		m.ending = m.selected
	case "t", "enter":
		return m.open(doTree)
	case "l":
		return m.open(doLog)
	}
	return m, nil
}

// moves is how far a key moves, of so many rows to a page.
func moves(key string, page int) (step int, moves bool) {
	const far = 1 << 30
	switch key {
	case "up", "k":
		return -1, true
	case "down", "j":
		return 1, true
	case "pgup":
		return -page, true
	case "pgdown":
		return page, true
	case "home", "g":
		return -far, true
	case "end", "G":
		return far, true
	}
	return 0, false
}

package main

import (
	"slices"
	"time"

	"respawner/watch/control"
)

// topModel is what `respawner top` shows. It is pure: update takes in what has
// happened and says what is to be done, view draws it.
type topModel struct {
	where         string // the runtime directory
	now           time.Time
	width, height int

	services []topService // in the order of topOrder
	selected string       // the name of one that is shown
	order    string       // the key of sortKeys by which they are sorted; empty: as they are

	search    string // what the names of those that are shown have in them
	searching bool   // that is being typed

	ending string // the service that a y would end
	said   string // the outcome of the last command
	wrong  bool   // it failed

	detail detail // of one service; closed, all services are shown
}

// topService is what top knows of a service.
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

	// clockMsg tells the time.
	clockMsg time.Time

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

	// outcomeMsg tells the outcome of a command.
	outcomeMsg struct {
		text string
		err  error
	}
)

// topDo is something that update wants done.
type topDo struct {
	what string // doRestart, doStop, …
	name string
}

const (
	doRestart = "restart"
	doStop    = "stop"
	doStart   = "start"
	doAdopt   = "adopt"
	doTree    = "tree"
	doLog     = "log"
	doHelp    = "help"
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
	case clockMsg:
		m.now = latest(m.now, time.Time(msg))
	case statusMsg:
		m.services = slices.Clone(m.services)
		if i := m.find(msg.status.Name); i >= 0 {
			m.services[i] = m.services[i].told(msg.asked, msg.status)
		}
		slices.SortFunc(m.services, topOrder)
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
	slices.SortFunc(services, topOrder)
	at := m.place() // another one takes the place of one that is gone
	m.services, m.now = services, latest(m.now, msg.asked)
	if m.place() < 0 {
		m = m.selectAt(at)
	}
	return m
}

// topOrder orders services, problems first.
func topOrder(a, b topService) int { return byUrgency(a.status, b.status) }

// told takes in a status, unless a later one is known: a sample may be older.
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

// key takes in a key.
func (m topModel) key(key string) (topModel, []topDo) {
	switch {
	case key == "ctrl-c":
		return m, []topDo{{doInterrupt, ""}}
	case m.ending != "":
		return m.confirm(key)
	case m.searching:
		return m.searchKey(key), nil
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
		return m.selectAt(m.place() + step), nil
	}
	if _, sorts := sortKeys()[key]; sorts {
		return m.sortBy(key), nil
	}
	switch key {
	case "?":
		return m.openHelp(), nil
	case "/":
		m.searching = true
		return m, nil
	case "esc":
		m.search = ""
		return m.selectShown(), nil
	}
	if m.selected == "" {
		return m, nil
	}
	return m.serviceKey(key)
}

// serviceKey takes in a key for the service that is selected.
func (m topModel) serviceKey(key string) (topModel, []topDo) {
	switch key {
	case "r":
		m.said = "restarting " + m.selected
		return m, []topDo{{doRestart, m.selected}}
	case "S":
		m.said = "starting " + m.selected
		return m, []topDo{{doStart, m.selected}}
	case "a":
		m.said = "adopting " + m.selected
		return m, []topDo{{doAdopt, m.selected}}
	case "s":
		m.ending = m.selected
	case "t", "enter":
		return m.open(doTree)
	case "l":
		return m.open(doLog)
	}
	return m, nil
}

// moves returns how far a key moves, in rows. A page has a number of rows.
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

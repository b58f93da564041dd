package main

import (
	"fmt"

	"github.com/clipperhouse/displaywidth"
)

// view is the screen: as many lines as it has, or less. On a small one the
// services matter more than what is around them.
func (m topModel) view() []line {
	head, body := m.overview()
	if m.detail.isOpen() {
		head, body = m.detailView()
	}
	rows := m.rows()
	screen := append([]line{}, head[len(head)-m.above():]...)
	for i := range rows {
		var l line
		if i < len(body) {
			l = body[i]
		}
		screen = append(screen, l)
	}
	if m.height >= 3 {
		screen = append(screen, m.statusLine())
	}
	if m.height >= 6 {
		at := cut(" "+m.position(), m.width)
		screen = append(screen, line{{pad(m.keys(), m.width-displaywidth.String(at), false) + at, inverse}})
	}
	return screen
}

// above is how many lines there is room for above the rows: the titles, and
// then the summary.
func (m topModel) above() int {
	switch {
	case m.height >= 5:
		return 2
	case m.height >= 4:
		return 1
	}
	return 0
}

// rows is how many rows there is room for: a line at least.
func (m topModel) rows() int {
	below := 0
	if m.height >= 3 {
		below++
	}
	if m.height >= 6 {
		below++
	}
	return max(m.height-m.above()-below, 1)
}

func (m topModel) keys() string {
	if m.detail.isOpen() {
		return "↑↓ scroll  q back"
	}
	return "↑↓ select  r restart  s stop  t tree  l log  / search  ? help  q quit"
}

// statusLine asks, says what came of the last command, or else tells in full
// what last happened to the service that is selected.
func (m topModel) statusLine() line {
	switch {
	case m.searching:
		return line{{"/" + m.search, yellow}, {"  enter keeps it, esc shows all again", dim}}
	case m.ending != "":
		return line{{"end " + printable(m.ending) + " and all its processes? y/n", yellow}}
	case m.wrong:
		return line{{printable(m.said), red}}
	}
	if at := m.find(m.selected); at >= 0 && m.said == "" {
		return line{{printable(m.selected), bold}, {"  " + lastEvent(m.services[at], m.now), plain}}
	}
	return line{{printable(m.said), plain}}
}

// overview is all services: what is above the rows, and the rows.
func (m topModel) overview() (head, body []line) {
	columns := m.columns()
	head = []line{m.summary(), titles(columns)}
	at, shown := m.place(), m.shown()
	first := min(max(at-m.rows()+1, 0), max(len(shown)-m.rows(), 0))
	for i := first; i < len(shown) && i < first+m.rows(); i++ {
		body = append(body, m.row(columns, shown[i], i == at))
	}
	switch {
	case len(m.services) == 0:
		body = []line{{{"  no services yet", dim}}}
	case len(shown) == 0:
		body = []line{{{"  no service has " + m.search + " in its name", dim}}}
	}
	return head, body
}

// summary is the first line: where, how many, when.
func (m topModel) summary() line {
	count := map[string]int{}
	for _, s := range m.services {
		count[s.status.State]++
	}
	l := line{{printable(m.where), bold}, {"  " + plural(len(m.services), "service", "services"), plain}}
	for _, state := range urgentFirst {
		if n := count[state]; n > 0 {
			l = append(l, cell{", ", plain}, cell{fmt.Sprintf("%d %s", n, state), stateStyle(state)})
		}
	}
	return l
}

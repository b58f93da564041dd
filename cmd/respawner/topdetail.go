package main

// detail is what top shows of one service instead of all of them: lines to
// scroll through.
type detail struct {
	source  topDo // what brings it: doTree, doLog or doHelp; none when it is closed
	awaited bool  // that is under way
	titles  line
	lines   []line
	scroll  int  // lines above the screen
	tail    bool // the end is shown, wherever that goes
}

func (d detail) isOpen() bool { return d.source.what != "" }

// open shows a detail of the service that is selected: a log from its end.
func (m topModel) open(what string) (topModel, []topDo) {
	source := topDo{what, m.selected}
	m.detail = detail{source: source, awaited: true, tail: what == doLog}
	return m, []topDo{source}
}

// renewed has a detail brought anew, unless that is under way. A log in which
// the user has gone back stands still: its lines would run away from under their reader.
func (m topModel) renewed() (topModel, []topDo) {
	if d := m.detail; !d.isOpen() || d.source.what == doHelp || d.awaited || d.source.what == doLog && !d.tail {
		return m, nil
	}
	m.detail.awaited = true
	return m, []topDo{m.detail.source}
}

// detailed takes in what was brought, unless the user has gone elsewhere.
func (m topModel) detailed(msg detailMsg) topModel {
	switch {
	case msg.source != m.detail.source:
	case msg.err != nil:
		m.detail = detail{}
		m.said, m.wrong = msg.err.Error(), true
	default:
		m.detail.awaited = false
		m.detail.titles, m.detail.lines = msg.titles, msg.lines
	}
	return m
}

func (m topModel) detailKey(key string) topModel {
	if step, moves := moves(key, m.rows()); moves {
		m.detail.scroll = min(max(m.scrolled()+step, 0), m.furthest())
		m.detail.tail = m.detail.source.what == doLog && m.detail.scroll == m.furthest()
		return m
	}
	switch key {
	case "q", "t", "l", "enter", "esc", "?":
		m.detail = detail{}
	}
	return m
}

// scrolled is how many lines of the detail are above the screen; furthest is
// how many that can be.
func (m topModel) scrolled() int {
	if m.detail.tail {
		return m.furthest()
	}
	return min(m.detail.scroll, m.furthest())
}

func (m topModel) furthest() int { return max(len(m.detail.lines)-m.rows(), 0) }

// detailView is the detail below what its service is and does.
func (m topModel) detailView() (head, body []line) {
	name := m.detail.source.name
	title := line{{printable(name), bold}, {"  is gone", dim}}
	if i := m.find(name); i >= 0 {
		title = treeTitle(m.services[i].status, m.now)
	} else if m.detail.source.what == doHelp {
		title = line{{"respawner top", bold}}
	}
	return []line{title, m.detail.titles}, m.detail.lines[m.scrolled():]
}

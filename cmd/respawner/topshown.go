package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// sortKey is an order of the services, by what a key has chosen: the largest first, but for names.
type sortKey struct {
	title   string
	compare func(a, b topService) int
}

// sortKeys are the orders by the keys of top(1).
func sortKeys() map[string]sortKey {
	return map[string]sortKey{
		"N": {"name", func(a, b topService) int { return strings.Compare(a.status.Name, b.status.Name) }},
		"P": {"CPU%", func(a, b topService) int { return cmp.Compare(b.usage.cpu, a.usage.cpu) }},
		"M": {"MEM", func(a, b topService) int { return cmp.Compare(b.usage.memory, a.usage.memory) }},
		"R": {"RESTARTS", func(a, b topService) int { return cmp.Compare(b.status.Restarts, a.status.Restarts) }},
		"T": {"UPTIME", func(a, b topService) int { return upSince(a) - upSince(b) }},
	}
}

// upSince is when a service came up, in seconds; what does not run is last.
func upSince(s topService) int {
	if s.status.State != stateRunning {
		return 1 << 62
	}
	return int(s.status.Since.Unix())
}

// sortBy sorts by a key's order, or no more by it.
func (m topModel) sortBy(key string) topModel {
	if m.order == key {
		key = ""
	}
	m.order = key
	return m
}

// shown are the services that are searched for, in the order that was chosen.
func (m topModel) shown() []topService {
	shown := slices.DeleteFunc(slices.Clone(m.services), func(s topService) bool {
		return !strings.Contains(strings.ToLower(s.status.Name), strings.ToLower(m.search))
	})
	if order, chosen := sortKeys()[m.order]; chosen {
		slices.SortStableFunc(shown, order.compare)
	}
	return shown
}

// place is where the selected service is among those that are shown, -1 for nowhere.
func (m topModel) place() int {
	return slices.IndexFunc(m.shown(), func(s topService) bool { return s.status.Name == m.selected })
}

// selectAt selects the shown service at i, or the one that is nearest.
func (m topModel) selectAt(i int) topModel {
	m.selected = ""
	if shown := m.shown(); len(shown) > 0 {
		m.selected = shown[min(max(i, 0), len(shown)-1)].status.Name
	}
	return m
}

// selectShown selects the first of those that are shown, unless one of them is selected.
func (m topModel) selectShown() topModel {
	if m.place() < 0 {
		return m.selectAt(0)
	}
	return m
}

// searchKey takes in a key while a name is typed.
func (m topModel) searchKey(key string) topModel {
	step, moves := moves(key, m.rows())
	switch {
	case len(key) == 1:
		m.search += key
	case moves:
		return m.selectAt(m.place() + step)
	case key == "backspace":
		m.search = m.search[:max(len(m.search)-1, 0)]
	case key == "enter":
		m.searching = false
	case key == "esc":
		m.searching, m.search = false, ""
	}
	return m.selectShown()
}

// position says which of the lines is selected, or which are on the screen, and of what
// choice they are.
func (m topModel) position() string {
	if m.detail.isOpen() {
		n := len(m.detail.lines)
		return fmt.Sprintf("%d-%d/%d", min(m.scrolled()+1, n), min(m.scrolled()+m.rows(), n), n)
	}
	text := fmt.Sprintf("%d/%d", m.place()+1, len(m.shown()))
	if m.search != "" {
		text = "/" + m.search + " " + text
	}
	if order, chosen := sortKeys()[m.order]; chosen {
		text = "by " + order.title + " " + text
	}
	return text
}

// topKeys are what keys do, for ?.
func topKeys() [][2]string {
	return [][2]string{
		{"up down k j", "select a service, or scroll"},
		{"pgup pgdown", "by a screen"},
		{"home end g G", "to the first, to the last"},
		{"/", "show those with a text in their names; esc shows all again"},
		{"N P M R T", "sort by name, CPU%, MEM, RESTARTS, UPTIME; again: as before"},
		{"enter t", "its processes"},
		{"l", "the end of its log"},
		{"r", "restart it"},
		{"s", "stop it, when y says yes"},
		{"S", "start it again, as it was started before"},
		{"a", "adopt it: give it a new supervisor when that has died"},
		{"q esc", "back"},
		{"q ^C", "quit"},
	}
}

// openHelp shows what keys do.
func (m topModel) openHelp() topModel {
	m.detail = detail{source: topDo{doHelp, ""}, titles: line{{"KEYS          WHAT THEY DO", dim}}}
	for _, k := range topKeys() {
		m.detail.lines = append(m.detail.lines, line{{pad(k[0], 14, false), bold}, {k[1], plain}})
	}
	return m
}

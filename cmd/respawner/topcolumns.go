package main

import (
	"fmt"
	"time"

	"github.com/clipperhouse/displaywidth"
)

// topColumn is a column of the overview.
type topColumn struct {
	column
	width int
	rank  int // the column with the highest rank goes first when there is no room
	show  func(m topModel, s topService) cell
}

const (
	minName   = 10
	maxName   = 24
	minEvent  = 12
	sparkWide = 8
)

func topColumns() []topColumn {
	return []topColumn{
		{column{title: "NAME"}, minName, 0, func(_ topModel, s topService) cell { return cell{printable(s.status.Name), bold} }},
		{column{title: "STATE"}, 8, 1, func(_ topModel, s topService) cell {
			return cell{printable(s.status.State), stateStyle(s.status.State)}
		}},
		{column{"MAIN", true}, 7, 5, func(_ topModel, s topService) cell { return cell{orDash(nonZero(s.status.MainPID)), plain} }},
		{column{"UPTIME", true}, 7, 4, func(m topModel, s topService) cell { return cell{uptime(s.status, m.now), plain} }},
		{column{"RESTARTS", true}, 8, 6, func(_ topModel, s topService) cell { return cell{shortRestarts(s.status), plain} }},
		{column{"CPU%", true}, 5, 2, func(_ topModel, s topService) cell { return cell{percent(s), plain} }},
		{column{"MEM", true}, 5, 3, func(_ topModel, s topService) cell { return cell{memory(s), plain} }},
		{column{title: "TREND"}, sparkWide, 8, func(_ topModel, s topService) cell { return cell{sparkline(s.cpu, sparkWide), cyan} }},
		{column{title: "LAST EVENT"}, minEvent, 7, func(m topModel, s topService) cell { return cell{lastEvent(s, m.now), plain} }},
	}
}

// columns are those that there is room for; the name grows with what the
// names need, the last column takes what is left.
func (m topModel) columns() []topColumn {
	columns := topColumns()
	for total(columns) > m.width && len(columns) > 1 {
		worst := 0
		for i, c := range columns {
			if c.rank > columns[worst].rank {
				worst = i
			}
		}
		columns = append(columns[:worst], columns[worst+1:]...)
	}
	room := m.width - total(columns)
	for _, s := range m.services {
		longer := min(displaywidth.String(printable(s.status.Name)), maxName) - columns[0].width
		if grow := min(longer, room); grow > 0 {
			columns[0].width += grow
			room -= grow
		}
	}
	columns[len(columns)-1].width += max(room, 0)
	return columns
}

// total is how wide columns are, with a mark before and a blank between them.
func total(columns []topColumn) int {
	width := 1
	for _, c := range columns {
		width += c.width + 1
	}
	return width
}

func titles(columns []topColumn) line {
	l := line{{" ", plain}}
	for _, c := range columns {
		l = append(l, cell{" " + pad(c.title, c.width, c.right), dim})
	}
	return l
}

// row is a service; a mark tells the one that is selected also where there are
// no colours.
func (m topModel) row(columns []topColumn, s topService, selected bool) line {
	l := line{{" ", plain}}
	if selected {
		l = line{{">", bold}}
	}
	for _, c := range columns {
		shown := c.show(m, s)
		l = append(l, cell{" ", plain}, cell{pad(shown.text, c.width, c.right), shown.style})
	}
	if selected {
		for i := range l {
			l[i].style = l[i].style.and(inverse)
		}
	}
	return l
}

func percent(s topService) string {
	if len(s.cpu) < 2 || !s.isMeasured() { // a speed takes two looks
		return "-"
	}
	return fmt.Sprintf("%.1f", s.usage.cpu)
}

// memory returns the memory that a service uses. < says that it is an upper bound.
func memory(s topService) string {
	switch u := s.usage; {
	case u.memory == 0 || !s.isMeasured():
		return "-"
	case u.atMost:
		return "<" + size(u.memory)
	default:
		return size(u.memory)
	}
}

// isMeasured reports whether what is known of its usage is that of the processes that it has now.
func (s topService) isMeasured() bool {
	return len(s.status.Processes) > 0 && s.usage.main == s.status.MainPID
}

// sparkline draws the latest samples, a column each. Its full height is the
// highest of them, but 10 % at least: idling is to look like it.
func sparkline(samples []float64, width int) string {
	samples = samples[max(0, len(samples)-width):]
	top := 10.0
	for _, v := range samples {
		top = max(top, v)
	}
	bars := []rune("▁▂▃▄▅▆▇█")
	var drawn []rune
	for _, v := range samples {
		drawn = append(drawn, bars[int(max(v, 0)/top*float64(len(bars)-1)+0.5)])
	}
	return fmt.Sprintf("%*s", width, string(drawn))
}

// lastEvent is the newest that is known of a service: what was told, or else
// what its status says.
func lastEvent(s topService, now time.Time) string {
	switch {
	case s.status.NextStart != nil:
		return printable(nextStart(s.status, now))
	case s.last.What == "" || s.status.State == stateOrphaned:
		return printable(lastWords(s.status, now))
	}
	text := oneWord(span(now.Sub(s.last.Time))) + " "
	switch ev := s.last; {
	case ev.Exit != nil:
		text += fmt.Sprintf("pid %d %s", ev.PID, howEnded(*ev.Exit))
	case ev.Text != "":
		text += ev.What + ": " + ev.Text
	default:
		text += ev.What
	}
	return printable(text)
}

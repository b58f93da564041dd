package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"respawner/watch/control"
	"respawner/watch/service"
)

const (
	// topTick is how often top looks at what services use.
	topTick = 2 * time.Second

	// memoryShare bounds what measuring memory costs, since the kernel walks
	// through all pages for it (some 10 ms per GB, while the process can't map
	// any): it is measured anew when that many times what it took has passed.
	memoryShare = 50
)

// topWatch asks supervisors for top how services are, and carries out top's
// commands.
type topWatch struct {
	o        options
	dir      *control.Dir // nil as long as there is none
	tell     func(msg any)
	services map[string]*watched
	follows  sync.Map // the names of the services whose events are heard

	memoryDue time.Time
}

// watched is a service as topWatch knows it.
type watched struct {
	meter meter
	usage usage
}

// run looks at all services again and again.
func (w *topWatch) run(ctx context.Context) {
	go w.tellTime(ctx)
	for tick := time.NewTicker(topTick); ctx.Err() == nil; {
		w.look(ctx)
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}

// tellTime sends the time again and again, so that top counts on: how long a service has been running, and how long it is
// until the next start.
func (w *topWatch) tellTime(ctx context.Context) {
	for tick := time.NewTicker(time.Second); ; {
		select {
		case now := <-tick.C:
			w.tell(clockMsg(now))
		case <-ctx.Done():
			return
		}
	}
}

func (w *topWatch) look(ctx context.Context) {
	names, err := w.names()
	if err != nil {
		w.tell(outcomeMsg{err: err})
		return
	}
	asked, before := time.Now(), w.services
	all := askAll(w.dir, names, glance)
	w.tell(sampleMsg{asked, all, w.measure(all)})
	for _, s := range all {
		if before[s.Name] == nil {
			w.tellLast(s.Name)
		}
		w.listen(ctx, s)
	}
}

func (w *topWatch) names() (names []string, err error) {
	if w.dir == nil {
		if w.dir, err = openRuntimeDir(w.o.RuntimeDir); err != nil {
			return nil, err
		}
	}
	return serviceNames(w.dir)
}

// measure tells what each service uses.
func (w *topWatch) measure(all []*control.Status) map[string]usage {
	began := time.Now()
	withMemory := !began.Before(w.memoryDue)
	services, used := make(map[string]*watched), make(map[string]usage)
	for _, s := range all {
		known := w.services[s.Name]
		if known == nil {
			known = &watched{}
		}
		processes := look(s)
		known.usage.cpu = known.meter.percent(time.Now(), processes)
		if withMemory || known.usage.memory == 0 || known.usage.main != s.MainPID {
			known.usage.memory, known.usage.atMost = memoryOf(processes)
		}
		known.usage.main = s.MainPID
		services[s.Name], used[s.Name] = known, known.usage
	}
	if withMemory {
		w.memoryDue = began.Add(memoryShare * time.Since(began))
	}
	w.services = services
	return used
}

// tellLast sends top the last event that is written down of a service. Without a
// history that can be read top shows no event until the next one.
func (w *topWatch) tellLast(name string) {
	if events, err := w.dir.History(name); err == nil && len(events) > 0 {
		w.tell(eventMsg{name, events[len(events)-1]})
	}
}

// listen hears the events of a service that has a supervisor, unless they are
// heard already. When the events end, for whatever reason, the next look begins anew.
func (w *topWatch) listen(ctx context.Context, s *control.Status) {
	if s.SupervisorPID == 0 {
		return
	}
	if _, already := w.follows.LoadOrStore(s.Name, true); already {
		return
	}
	now := func() { w.tell(statusMsg{time.Now(), lookAt(w.dir, s.Name).status}) }
	go func() {
		defer w.follows.Delete(s.Name)
		_, _ = w.dir.Events(ctx, s.Name, func(*control.Status) error { return nil }, func(ev control.Event) error {
			if showsInTop(ev) {
				w.tell(eventMsg{s.Name, ev})
				now()
			}
			return nil
		})
		now()
	}()
}

// showsInTop reports whether an event changes what top shows: births and the
// deaths of ordinary processes can come by the thousand.
func showsInTop(ev control.Event) bool {
	switch service.What(ev.What) {
	case service.NoteForked, service.NoteExeced:
		return false
	case service.NoteExited:
		return ev.Role != ""
	}
	return true
}

// do carries out a command of top. It may block.
func (w *topWatch) do(ctx context.Context, d topDo) {
	switch d.what {
	case doRestart:
		w.tell(w.restart(ctx, d.name))
	case doStop:
		out := w.o.stopOne(ctx, w.dir, d.name)
		out.text = stopped(d.name, out)
		w.tell(outcomeOf(d.name, out))
	case doStart:
		w.tell(outcomeOf(d.name, startAsBefore(w.dir, d.name)))
	case doAdopt:
		w.tell(outcomeOf(d.name, adoptOne(ctx, w.dir, d.name)))
	case doTree:
		w.tell(w.tree(d))
	case doLog:
		w.tell(w.log(d))
	}
}

// tree brings the processes of a service.
func (w *topWatch) tree(d topDo) detailMsg {
	msg := detailMsg{source: d}
	if lines := treeLines(lookAt(w.dir, d.name).status, sinceBoot(), readProcInfo, cmdline); len(lines) > 0 {
		msg.titles, msg.lines = lines[0], lines[1:]
	}
	return msg
}

func (w *topWatch) restart(ctx context.Context, name string) outcomeMsg {
	out := restartOne(ctx, w.dir, name)
	if out.err != nil {
		return outcomeMsg{err: fmt.Errorf("%s could not be restarted: %w", name, explain(name, out))}
	}
	if out.presence == control.Held {
		out.text = fmt.Sprintf("%s was restarted, main pid %d", name, out.status.MainPID)
	}
	return outcomeMsg{text: out.text}
}

// outcomeOf returns the outcome of a command that a key has given for a service.
func outcomeOf(name string, out result) outcomeMsg {
	if out.err != nil {
		return outcomeMsg{err: explain(name, out)}
	}
	return outcomeMsg{text: out.text}
}

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"respawner/procconn"
)

// restarts is the third chapter: how soon a service is there again.
func (b *bench) restarts(ctx context.Context) (string, error) {
	conn, err := procconn.Dial()
	if errors.Is(err, procconn.ErrUnavailable) {
		return fmt.Sprintf("## From a crash to the restart\n\nCould not be measured here: %v.\n", err), nil
	}
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetReadBuffer(8 << 20); err != nil {
		return "", err
	}
	t := table{{"tracking", "of the floor (median)", "quartiles", "budget", "restart (median)", "floor (median)"}}
	// A pidfile has nothing to do with a program in the foreground.
	for _, f := range b.choose("kernel-set", "socket-filter", "events", "scan") {
		if f.missing != "" {
			t.addMissing(f.name, f.missing)
			continue
		}
		row, err := b.restartRow(ctx, conn, f.name)
		if err != nil {
			return "", err
		}
		t.add(row...)
	}
	return fmt.Sprintf(restartText, t, b.kills), nil
}

const restartText = `## From a crash to the restart

%s
A service in the foreground that does nothing is killed with -9, %d times, each time once under respawner -t 0 and
once under a C program that only does waitpid, vfork and exec: the floor. The time is that between two events of the
kernel's, by its own stamps: the exit of the service, and the exec of the next process that its parent forked. The
ratio is that of a pair. The bench listens to all events itself, which makes both slower.
`

// restartRow kills a service of a supervisor's and one of the floor's in turn.
func (b *bench) restartRow(ctx context.Context, conn *procconn.Conn, way string) (row []string, err error) {
	s, err := b.superviseService(way)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	floor, err := startChild(b.helper("floor"), b.helper("service"))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.endFloor(floor)) }()
	var ratios, ours, floors []float64
	for range b.kills {
		if err := sleep(ctx, settle); err != nil {
			return nil, err
		}
		of, err1 := restart(ctx, conn, s.pid)
		against, err2 := restart(ctx, conn, floor.Process.Pid)
		if err := errors.Join(err1, err2); err != nil {
			return nil, err
		}
		ratios = append(ratios, of.Seconds()/against.Seconds())
		ours, floors = append(ours, of.Seconds()*1e6), append(floors, against.Seconds()*1e6)
	}
	return []string{way, fmt.Sprintf("%.2f", median(ratios)), quartiles(ratios, "%.2f"), "1.50",
		fmt.Sprintf("%.0f µs", median(ours)), fmt.Sprintf("%.0f µs", median(floors))}, nil
}

// endFloor ends the floor, and its service, which is an orphan then.
func (b *bench) endFloor(floor *child) error {
	orphan, err := onlyChild(floor.Process.Pid)
	err = errors.Join(err, floor.end())
	if orphan != 0 {
		err = errors.Join(err, kill(orphan))
	}
	return err
}

// patience is for what takes an instant, unless something is wrong.
const patience = 10 * time.Second

// restart kills the child of a process and tells how long after its end the next one ran its program.
func restart(ctx context.Context, conn *procconn.Conn, parent int) (time.Duration, error) {
	// Long enough for what the last kill brought about to be over.
	if err := sleep(ctx, 50*time.Millisecond); err != nil {
		return 0, err
	}
	victim, err := onlyChild(parent)
	if err != nil {
		return 0, err
	}
	story := succession{parent: parent, victim: victim}
	if err := forget(conn); err != nil {
		return 0, err
	}
	if err := kill(victim); err != nil {
		return 0, err
	}
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		if err := sleep(ctx, 20*time.Millisecond); err != nil { // not to be in the way
			return 0, err
		}
		if err := each(conn, story.add); err != nil {
			return 0, err
		}
		if took, done := story.took(); done {
			return took, nil
		}
	}
	return 0, fmt.Errorf("process %d starts no process after %d", parent, victim)
}

// forget takes all events that are queued, and does not mind if some were lost.
func forget(conn *procconn.Conn) error {
	ignore := func(procconn.Event) {}
	err := each(conn, ignore)
	if errors.Is(err, procconn.ErrOverflow) {
		err = each(conn, ignore)
	}
	return err
}

// each takes all events that are queued.
func each(conn *procconn.Conn, take func(procconn.Event)) error {
	for range conn.Capacity() {
		event, ok, err := conn.TryReceive()
		if err != nil || !ok {
			return err
		}
		take(event)
	}
	return nil
}

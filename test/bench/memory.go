package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// memory is the fourth chapter: what a supervisor holds.
func (b *bench) memory(ctx context.Context) (text string, err error) {
	all := map[string]*supervisor{}
	defer func() {
		for _, s := range all {
			err = errors.Join(err, s.stop())
		}
	}()
	steps := b.choose(ladder...)
	for _, name := range present(steps) {
		s, err := b.superviseLighttpd(name)
		if err != nil {
			return "", err
		}
		all[name] = s
	}
	young, err := usages(ctx, all)
	if err != nil {
		return "", err
	}
	if err := crashAll(ctx, all, b.crashes); err != nil {
		return "", err
	}
	old, err := usages(ctx, all)
	return fmt.Sprintf(memoryText, memoryTable(steps, young, old, b.crashes), b.crashes), err
}

const memoryText = `## Memory

%s
What one supervisor holds that follows one lighttpd, 2 s after its start, and again 2 s after the last of %d crashes
(kill -9 of the lighttpd). Anonymous is the memory that is the process's own, from /proc/PID/smaps_rollup. The rest of
the resident set is the program file, which all supervisors share and the kernel can drop. All ran side by side.
`

// usages looks at supervisors that have settled.
func usages(ctx context.Context, all map[string]*supervisor) (map[string]usage, error) {
	if err := sleep(ctx, 2*time.Second); err != nil {
		return nil, err
	}
	found := map[string]usage{}
	for name, s := range all {
		var err error
		if found[name], err = usageOf(s.pid); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// crashAll kills all services, some times, and sees to it that they come back.
func crashAll(ctx context.Context, all map[string]*supervisor, times int) error {
	victims := map[string]int{}
	for range times {
		for name, s := range all {
			main, err := onlyChild(s.pid)
			if err != nil {
				return err
			}
			if main == victims[name] {
				return fmt.Errorf("%s: process %d lives on", name, main)
			}
			victims[name] = main
			if err := kill(main); err != nil {
				return err
			}
		}
		if err := sleep(ctx, settle); err != nil {
			return err
		}
	}
	return nil
}

func memoryTable(steps []follower, young, old map[string]usage, crashes int) table {
	later := fmt.Sprintf("after %d crashes", crashes)
	t := table{{"tracking", "Anonymous", later, "budget", "Rss", later, "threads", later}}
	for _, f := range steps {
		if f.missing != "" {
			t.addMissing(f.name, f.missing)
			continue
		}
		a, z := young[f.name], old[f.name]
		t.add(f.name, megabytes(a.anonymous), megabytes(z.anonymous), "1.20 MB",
			megabytes(a.rss), megabytes(z.rss), fmt.Sprint(a.threads), fmt.Sprint(z.threads))
	}
	return t
}

func megabytes(kB int) string { return fmt.Sprintf("%.2f MB", float64(kB)*1024/1e6) }

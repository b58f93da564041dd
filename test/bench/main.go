// Command bench measures what respawner costs, and writes tables of it:
//
//	go run ./test/bench -respawner build/respawner -o docs/BENCHMARKS.md
//
// It runs on Linux, as root, and needs lighttpd, a C compiler, and for one row forkstat.
//
// A machine is never quiet, and another one is quicker or slower. So wherever it can be, what is told is a ratio of two
// things that were measured in turn within moments, and what the noise was is told beside it.
//
// # The house
//
// Each chapter has a file of its own: throughput.go, quiet.go, restart_linux.go, memory.go, talking.go (with gap.go, and
// turns_linux.go for the loop's turns). They know of the subjects (subject.go), which are started and stopped as often as
// it takes, and of the storm (storm_linux.go), the load. The helpers, most in C, are built anew each time.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

// options are the flags: what is measured, and how long it all takes.
type options struct {
	respawner, output, chapters              string
	turns, kills, crashes                    int
	statuses, questions, upgrades, takeovers int
	slice, storm                             time.Duration
}

func main() {
	var o options
	flag.StringVar(&o.respawner, "respawner", "build/respawner", "the `program` to measure")
	flag.StringVar(&o.output, "o", "", "write the tables into `FILE` too")
	flag.StringVar(&o.chapters, "chapters", "throughput,quiet,restarts,memory,talking", "the `names` of the chapters, in order")
	flag.IntVar(&o.turns, "turns", 400, "`number` of slices for each throughput")
	flag.DurationVar(&o.slice, "slice", 20*time.Millisecond, "`length` of a slice")
	flag.DurationVar(&o.storm, "storm", 10*time.Second, "`length` of the storm for a supervisor's own time")
	flag.IntVar(&o.kills, "kills", 30, "`number` of kills for each time to a restart")
	flag.IntVar(&o.crashes, "crashes", 20, "`number` of crashes before the memory is looked at again")
	flag.IntVar(&o.statuses, "statuses", 300, "`number` of runs of respawner status")
	flag.IntVar(&o.questions, "questions", 1000, "`number` of questions from many clients at once")
	flag.IntVar(&o.upgrades, "upgrades", 20, "`number` of upgrades in place")
	flag.IntVar(&o.takeovers, "takeovers", 10, "`number` of supervisors to kill")
	flag.Parse()
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) (err error) {
	if min(o.turns, o.kills, o.crashes, o.statuses, o.questions, o.upgrades, o.takeovers) < 1 || min(o.slice, o.storm) <= 0 {
		return errors.New("numbers and lengths must be positive")
	}
	t, err := newTools(o.respawner)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.close()) }()
	text, err := measure(ctx, &bench{tools: t, options: o})
	if ctx.Err() != nil {
		return errors.New("interrupted") // whatever came of it
	}
	if err != nil || o.output == "" {
		return err
	}
	return os.WriteFile(o.output, []byte(text), 0o644)
}

// bench is what each chapter knows.
type bench struct {
	*tools
	options
	followers []follower
}

// measure returns the chapters, and prints each as soon as it is there.
func measure(ctx context.Context, b *bench) (string, error) {
	var whole strings.Builder
	tell := func(text string) {
		fmt.Println(text)
		whole.WriteString(text + "\n")
	}
	tell(b.head())
	if err := b.tryFollowers(ctx); err != nil {
		return "", err
	}
	for name := range strings.SplitSeq(b.chapters, ",") {
		text, err := b.chapter(ctx, name)
		if err != nil {
			return "", err
		}
		tell(text)
	}
	return strings.TrimRight(whole.String(), "\n") + "\n", nil
}

func (b *bench) chapter(ctx context.Context, name string) (string, error) {
	measure := map[string]func(context.Context) (string, error){
		"throughput": b.throughput, "quiet": b.quiet, "restarts": b.restarts, "memory": b.memory, "talking": b.talking,
	}[name]
	if measure == nil {
		return "", fmt.Errorf("there is no chapter %q", name)
	}
	return measure(ctx)
}

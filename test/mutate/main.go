// Command mutate changes a package in one small place after another, and runs its tests on each of these mutants. One
// that the tests pass has survived: what was changed there, no test looks at.
//
//	go run ./test/mutate [-explained FILE] [-list FILE] [-run REGEXP] [-workers N] [DIR]
//
// With -list it makes the changes that are listed there (see listed.go), and no others.
//
// It prints the survivors, and fails if there are any but those that FILE explains (see explained.go), or if FILE
// explains one that doesn't survive.
//
// gremlins does much of that as well, but it removes no statement, which is what tells most of a machine whose answers are
// statements, and has no place for what was explained.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
)

func main() {
	explained := flag.String("explained", "test/mutate/explained.txt", "the `file` that explains survivors")
	list := flag.String("list", "", "the `file` of mutants that were made by hand")
	only := flag.String("run", "", "only the mutants that match `regexp`")
	workers := flag.Int("workers", 2, "`number` of mutants at a time")
	flag.Parse()
	dir := "watch/service"
	if flag.NArg() > 0 {
		dir = flag.Arg(0)
	}
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	if err := run(ctx, dir, *list, *explained, *only, *workers); err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, dir, list, explained, only string, workers int) error {
	pattern, err := regexp.Compile(only)
	if err != nil {
		return err
	}
	reasons, err := readExplained(explained)
	if err != nil {
		return err
	}
	all, err := mutantsOf(dir)
	if list != "" {
		all, err = listedIn(dir, list)
	}
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(m mutant) bool { return !pattern.MatchString(m.String()) })
	lab, err := newLab(ctx, dir)
	if err != nil {
		return err
	}
	defer lab.close()
	fates, err := lab.tryAll(ctx, all, workers)
	if err != nil {
		return err
	}
	return judge(all, fates, reasons, only == "")
}

// tryAll finds out the fate of each.
func (l *lab) tryAll(ctx context.Context, all []mutant, workers int) ([]fate, error) {
	fates := make([]fate, len(all))
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	next := make(chan int)
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for i := range next {
				var err error
				if fates[i], err = l.try(ctx, i, all[i]); err != nil {
					fail(err) // the first one counts
				} else if fates[i] == survived {
					fmt.Println("survived:", all[i])
				}
			}
		})
	}
	for i := range all {
		if ctx.Err() == nil {
			next <- i
		}
	}
	close(next)
	group.Wait()
	return fates, context.Cause(ctx)
}

// judge says what it came to. When all were tried, an explanation that explains nothing is an error too.
func judge(all []mutant, fates []fate, reasons map[string]string, whole bool) error {
	count := map[fate]int{}
	var open []string
	for i, m := range all {
		count[fates[i]]++
		if fates[i] != survived {
			continue
		}
		if _, known := reasons[m.String()]; !known {
			open = append(open, "  "+m.String())
		}
		delete(reasons, m.String())
	}
	fmt.Printf("%d mutants: %d killed (%d of them hung), %d don't compile, %d survived, of which %d are explained\n",
		len(all), count[killed]+count[hung], count[hung], count[stillborn], count[survived], count[survived]-len(open))
	var errs []error
	if len(open) > 0 {
		errs = append(errs, fmt.Errorf("survivors without an explanation:\n%s", strings.Join(open, "\n")))
	}
	for known := range reasons {
		if whole {
			errs = append(errs, fmt.Errorf("explained, but no survivor:\n  %s", known))
		}
	}
	return errors.Join(errs...)
}

// Command kernels runs the tests on other kernels, each in a virtual machine, and writes a table of what came of it:
//
//	go run ./test/kernels -o docs/KERNELS.md
//
// It needs a Debian machine (x86_64) with QEMU and a C compiler. Where there is no KVM the machines are emulated, and all
// of it takes hours.
//
// # The house
//
// debian.go gets the kernels. initramfs.go makes the file system that they boot with: test binaries, the programs that
// these call, and package guest as its init. machine.go boots one and listens to what the guest tells, in the words of
// package plan. report.go makes the tables.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// options are the flags.
type options struct {
	output, cache, kernels, suites string
	limit                          time.Duration
}

func main() {
	var o options
	flag.StringVar(&o.output, "o", "", "write the tables into `FILE` too")
	flag.StringVar(&o.cache, "cache", "build/kernels", "`DIR` for kernels and logs")
	flag.StringVar(&o.kernels, "kernels", "5.10,6.1,6.12,newest", "the `names` of the kernels, in order")
	flag.StringVar(&o.suites, "suites", strings.Join(suiteNames(), ","), "the `names` of the suites, in order")
	flag.DurationVar(&o.limit, "limit", 3*time.Hour, "how long a machine may take at most")
	flag.Parse()
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "kernels:", err)
		os.Exit(1)
	}
}

// run fails when a test has failed, but not before the tables are written.
func run(ctx context.Context, o options) error {
	dir, err := filepath.Abs(o.cache)
	if err != nil {
		return err
	}
	suites, err := chosenSuites(strings.Split(o.suites, ","))
	if err != nil {
		return err
	}
	image, err := makeImage(ctx, dir, suites)
	if err != nil {
		return err
	}
	var reports []*report
	for name := range strings.SplitSeq(o.kernels, ",") {
		r, errKernel := runOn(ctx, machine{image: image, dir: filepath.Join(dir, name), limit: o.limit}, name)
		if errKernel != nil {
			err = errors.Join(err, fmt.Errorf("kernel %s: %w", name, errKernel))
			continue
		}
		reports = append(reports, r)
	}
	return errors.Join(err, conclude(reports, o.output))
}

func runOn(ctx context.Context, m machine, name string) (r *report, err error) {
	if m.kernel, err = getKernel(ctx, m.dir, name); err != nil {
		return nil, err
	}
	return boot(ctx, m)
}

// conclude writes the tables.
func conclude(reports []*report, output string) error {
	text := tables(reports)
	fmt.Print("\n", text)
	var err error
	if output != "" {
		err = os.WriteFile(output, []byte(text), 0o644)
	}
	if slices.ContainsFunc(reports, (*report).failed) {
		err = errors.Join(err, errors.New("not all is well, see the tables"))
	}
	return err
}

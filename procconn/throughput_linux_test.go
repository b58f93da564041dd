package procconn_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"respawner/procconn"
)

// BenchmarkThroughput measures what it costs the machine that a quiet process is followed. On each CPU a shell does
// nothing but vfork, exec and wait. For short slices of time they are alone (bare) or a Conn is open:
//
//	listener     that receives everything
//	classic      with a filter for one process
//	classic-full with one for as many as FilterLimit
//	set          with a Set
//
// What is reported is the median of the ratios of the throughput in a slice to that in the bare ones before and after it.
// 1 is no cost at all; "bare" is a bare slice in place of one with a Conn, so how far it is from 1 is the error.
func BenchmarkThroughput(b *testing.B) {
	const rounds, slice = 25, 80 * time.Millisecond
	quiet := exec.Command("sleep", "1000")
	start(b, quiet)
	for range runtime.NumCPU() {
		start(b, exec.Command("sh", "-c", "while :; do "+staticTrue()+"; done"))
	}
	ratios := map[string][]float64{}
	for b.Loop() {
		before := forkRate(b, slice)
		for range rounds {
			for _, how := range []string{"bare", "listener", "classic", "classic-full", "set"} {
				stop := listen(b, how, quiet.Process.Pid)
				rate := forkRate(b, slice)
				stop()
				after := forkRate(b, slice)
				ratios[how] = append(ratios[how], 2*rate/(before+after))
				before = after
			}
		}
	}
	for how, all := range ratios {
		slices.Sort(all)
		b.ReportMetric(all[len(all)/2], how)
	}
	b.ReportMetric(0, "ns/op") // says nothing
}

// listen has a Conn, of one sort, that is received from until stop is called.
func listen(b *testing.B, how string, pid int) (stop func()) {
	b.Helper()
	if how == "bare" {
		return func() {}
	}
	conn := dial(b)
	switch how {
	case "classic":
		must(b, conn.Filter([]int{pid}))
	case "classic-full":
		pids := []int{pid}
		for len(pids) < procconn.FilterLimit {
			pids = append(pids, 1<<22+len(pids)) // beyond any pid_max
		}
		must(b, conn.Filter(pids))
	case "set":
		set := track(b, conn)
		add(b, set, pid)
		defer set.Close() // the filter stays
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			if _, err := conn.Receive(); errors.Is(err, os.ErrClosed) {
				return
			}
		}
	}()
	return func() {
		must(b, conn.Close())
		<-done
	}
}

// forkRate is how many processes and threads the machine makes in a second.
func forkRate(b *testing.B, slice time.Duration) float64 {
	b.Helper()
	begin, before := time.Now(), forks(b)
	time.Sleep(slice)
	return float64(forks(b)-before) / time.Since(begin).Seconds()
}

func forks(b *testing.B) (n int) {
	b.Helper()
	stat, err := os.ReadFile("/proc/stat")
	must(b, err)
	_, rest, _ := strings.Cut(string(stat), "\nprocesses ")
	_, err = fmt.Sscan(rest, &n)
	must(b, err)
	return n
}

// staticTrue is a command that does nothing and needs no libraries, if there is one.
func staticTrue() string {
	if path, err := exec.LookPath("busybox"); err == nil {
		return path + " true"
	}
	return "/bin/true"
}

// start starts a command that is ended after the benchmark.
func start(b *testing.B, cmd *exec.Cmd) {
	b.Helper()
	must(b, cmd.Start())
	b.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
}

func must(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// BenchmarkFilter is what a change of the list costs.
func BenchmarkFilter(b *testing.B) {
	for _, n := range []int{1, 16, procconn.FilterLimit} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			conn := dial(b)
			pids := make([]int, n)
			for i := range pids {
				pids[i] = 1000 + i
			}
			for b.Loop() {
				must(b, conn.Filter(pids))
			}
		})
	}
}

// BenchmarkTrack is what a Set costs at the start.
func BenchmarkTrack(b *testing.B) {
	conn := dial(b)
	for b.Loop() {
		must(b, track(b, conn).Close())
	}
}

// BenchmarkBirths reads sets of some sizes.
func BenchmarkBirths(b *testing.B) {
	for _, n := range []int{1, 1000, 30000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			set := track(b, dial(b))
			for pid := range n {
				add(b, set, pid+1)
			}
			for b.Loop() {
				_, err := set.Births()
				must(b, err)
			}
		})
	}
}

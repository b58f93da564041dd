package procconn_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"

	"respawner/procconn"
)

// TestFilterFollows: what a user of the classic filter does.
func TestFilterFollows(t *testing.T) {
	conn := dial(t)
	if err := conn.Filter([]int{os.Getpid()}); err != nil {
		t.Fatal(err)
	}
	drain(t, conn)
	cmd := exec.Command("sh", "-c", "read go; (exit 0); exit 3")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pid := cmd.Process.Pid
	fork, err := conn.Receive()
	if err != nil || fork.Kind != procconn.Fork {
		t.Fatalf("%+v, %v", fork, err)
	}
	if err := conn.Filter([]int{os.Getpid(), pid}); err != nil {
		t.Fatal(err)
	}
	_ = in.Close()
	_ = cmd.Wait()
	var grandchildren, strangers int
	for _, ev := range untilExit(t, conn, pid) {
		switch {
		case ev.Kind == procconn.Fork && ev.ParentTGID == pid:
			grandchildren++
		case ev.TGID != pid && ev.ParentTGID != os.Getpid():
			strangers++
		}
	}
	if grandchildren != 1 || strangers != 0 {
		t.Errorf("%d grandchildren, %d strangers", grandchildren, strangers)
	}
}

// TestFiltersUnprivileged: an ordinary user may not have the one, and has the other.
func TestFiltersUnprivileged(t *testing.T) {
	dial(t)
	policy, err := os.ReadFile("/proc/sys/kernel/unprivileged_bpf_disabled")
	if err != nil || bytes.Equal(policy, []byte("0\n")) {
		unmet(t, "this kernel refuses nothing: ", err)
	}
	attr := &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := child("filter", attr).Output()
	if errors.Is(err, syscall.EPERM) {
		unmet(t, "cannot become another user: ", err)
	}
	switch got := string(out); {
	case err != nil:
		t.Error(err)
	case strings.HasPrefix(got, "unavailable"):
		unmet(t, got)
	case !strings.HasPrefix(got, "refused: true\nfiltered: fork ") || !strings.HasSuffix(got, "exec exit\n"):
		t.Errorf("%s", got)
	}
}

// filterAsUser is the child of TestFiltersUnprivileged.
func filterAsUser() {
	conn, err := procconn.Dial()
	if err != nil {
		fmt.Println("unavailable:", err)
		return
	}
	_, err = conn.Track(procconn.SetSize)
	fmt.Println("refused:", errors.Is(err, procconn.ErrNoBPF) && errors.Is(err, syscall.EPERM))
	fmt.Fprintln(os.Stderr, err)
	cmd := exec.Command("sh", "-c", "read go; exec true")
	in, errPipe := cmd.StdinPipe()
	err = errors.Join(errPipe, conn.Filter([]int{os.Getpid()}), conn.Probe(func(procconn.Event) {}), cmd.Start())
	err = errors.Join(err, conn.Filter([]int{os.Getpid(), cmd.Process.Pid}), in.Close())
	_ = cmd.Wait()
	var events []procconn.Event
	for err == nil && !slices.ContainsFunc(events, func(ev procconn.Event) bool {
		return ev.Kind == procconn.Exit && ev.TGID == cmd.Process.Pid
	}) {
		var ev procconn.Event
		ev, err = conn.Receive()
		events = append(events, ev)
	}
	fmt.Println("filtered:", kinds(events, cmd.Process.Pid))
	if err != nil {
		fmt.Println(err)
	}
}

package procconn_test

import (
	"errors"
	"fmt"
	"log"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"respawner/procconn"
	"respawner/procconn/procconntest"
)

// Print what happens on the machine. Without an Output comment this is compiled but not run.
func Example() {
	conn, err := procconn.Dial()
	if errors.Is(err, procconn.ErrUnavailable) {
		log.Fatal("find another way: ", err)
	}
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	for {
		ev, err := conn.Receive()
		switch {
		case errors.Is(err, procconn.ErrOverflow):
			log.Print("too many events at a time; look into /proc")
		case err != nil:
			log.Print(err)
			return
		case ev.Kind == procconn.Fork && !ev.IsThread():
			log.Printf("%d begot %d", ev.ParentTGID, ev.TGID)
		case ev.Kind == procconn.Exit && !ev.IsThread():
			log.Printf("%d ended: %v", ev.TGID, syscall.WaitStatus(ev.ExitCode))
		}
	}
}

// An epoll loop drains the connector when its descriptor is readable.
func ExampleConn_TryReceive() {
	conn, kernel := procconntest.New(new(testing.B)) // in a real test its *testing.T
	kernel.Send(
		procconn.Event{Kind: procconn.Fork, ParentPID: 100, ParentTGID: 100, PID: 101, TGID: 101},
		procconn.Event{Kind: procconn.Fork, ParentPID: 100, ParentTGID: 100, PID: 102, TGID: 101},
		procconn.Event{Kind: procconn.Exit, PID: 101, TGID: 101, ExitCode: 7 << 8},
	)
	for {
		ev, ok, err := conn.TryReceive()
		if err != nil || !ok {
			break
		}
		switch ev.Kind {
		case procconn.Fork:
			fmt.Println("fork", ev.ParentTGID, ev.TGID, ev.IsThread())
		case procconn.Exit:
			fmt.Println("exit", ev.TGID, syscall.WaitStatus(ev.ExitCode).ExitStatus())
		}
	}
	// Output:
	// fork 100 101 false
	// fork 100 101 true
	// exit 101 7
}

// Follow everything that descends from us, however it forks. Without an Output comment this is compiled but not run.
func ExampleConn_Track() {
	conn, err := procconn.Dial()
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	set, err := conn.Track(procconn.SetSize)
	if errors.Is(err, procconn.ErrNoBPF) {
		log.Fatal("go on with conn.Filter: ", err)
	}
	if err != nil {
		log.Fatal(err)
	}
	defer set.Close()
	if err := set.Add(os.Getpid()); err != nil { // before anything is started
		log.Fatal(err)
	}
	daemon := exec.Command("lighttpd", "-f", "/etc/lighttpd/lighttpd.conf")
	if err := daemon.Start(); err != nil {
		log.Fatal(err)
	}
	for {
		ev, err := conn.Receive()
		switch {
		case errors.Is(err, procconn.ErrOverflow):
			births, err := set.Births() // none is missing
			log.Print(len(births), err)
		case err != nil:
			log.Print(err)
			return
		case ev.Kind == procconn.Fork:
			log.Printf("%d begot %d; have a pidfd opened", ev.ParentTGID, ev.TGID)
			// When that tells of its death: set.Forget(ev.TGID, ev.Time)
		}
	}
}

// Follow one process and its children. The kernel runs the filter on what the fake connector sends, as it does for a real one.
func ExampleConn_Filter() {
	conn, kernel := procconntest.New(new(testing.B)) // in a real test its *testing.T
	followed := []int{100}
	if err := conn.Filter(followed); err != nil {
		fmt.Println(err)
	}
	kernel.Send(
		procconn.Event{Kind: procconn.Fork, ParentPID: 100, ParentTGID: 100, PID: 101, TGID: 101},
		procconn.Event{Kind: procconn.Fork, ParentPID: 50, ParentTGID: 50, PID: 51, TGID: 51},
	)
	for {
		ev, ok, err := conn.TryReceive()
		if err != nil || !ok {
			break
		}
		if ev.Kind != procconn.Fork {
			continue // what was queued before there was a filter
		}
		fmt.Println("fork", ev.ParentTGID, ev.TGID)
		followed = append(followed, ev.TGID)
		if err := conn.Filter(followed); err != nil {
			fmt.Println(err)
		}
		// Here look into /proc/101/task/*/children, for those that were born before this.
	}
	// Output:
	// fork 100 101
}

func ExampleDecode() {
	frame := procconntest.Frame(procconn.Event{Kind: procconn.Exec, PID: 101, TGID: 101}, 1)
	ev, err := procconn.Decode(frame)
	fmt.Println(ev.Kind, ev.TGID, err)
	_, err = procconn.Decode(frame[:40])
	fmt.Println(err)
	// Output:
	// exec 101 <nil>
	// procconn: malformed frame: 40 bytes
}

package procconn

import (
	"bytes"
	"fmt"
	"time"
)

// Kind says what happened. The values are those of enum proc_cn_event in include/uapi/linux/cn_proc.h.
type Kind uint32

// The kinds of events, with the version of Linux that they came with.
const (
	Fork     Kind = 0x00000001 // a process or thread was made (2.6.15)
	Exec     Kind = 0x00000002 // a process runs another program (2.6.15)
	UID      Kind = 0x00000004 // a thread changed its user ids (2.6.15)
	GID      Kind = 0x00000040 // a thread changed its group ids (2.6.15)
	SID      Kind = 0x00000080 // a process made a session, setsid(2) (2.6.32)
	Ptrace   Kind = 0x00000100 // a tracer attached or detached; PTRACE_TRACEME is not told (3.1)
	Comm     Kind = 0x00000200 // a thread was renamed, not by exec (3.2)
	Coredump Kind = 0x40000000 // a process is about to dump core, or would if it was allowed to (3.10)
	Exit     Kind = 0x80000000 // a thread ended (2.6.15)
)

// String returns the name of the constant in lower case, or the number when there is none.
func (k Kind) String() string {
	switch k {
	case Fork:
		return "fork"
	case Exec:
		return "exec"
	case UID:
		return "uid"
	case GID:
		return "gid"
	case SID:
		return "sid"
	case Ptrace:
		return "ptrace"
	case Comm:
		return "comm"
	case Coredump:
		return "coredump"
	case Exit:
		return "exit"
	}
	return fmt.Sprintf("kind(%#x)", uint32(k))
}

// Event is one process event: struct proc_event of include/uapi/linux/cn_proc.h. It holds no pointers and is comparable.
//
// What the kernel calls a pid is the id of a thread, and its tgid is what all other programs call a pid: the id of the
// process, which is that of its first thread.
type Event struct {
	Kind Kind
	CPU  int           // where it happened
	Time time.Duration // when: CLOCK_MONOTONIC of the first time namespace, so without the time spent suspended

	PID  int // the thread; of Fork the new one
	TGID int // its process; of Fork the new one, or for a new thread the one it is part of

	// ParentPID and ParentTGID are set for Fork, and since Linux 4.18 for Exit and Coredump. They are the parent as of the
	// event: for a Fork with CLONE_PARENT or of a thread not the one that called clone(2), but that one's parent; for an
	// orphan's Exit the reaper that has adopted it. They are 0 for an Exit that was reaped first, as threads always are
	// but the first.
	ParentPID, ParentTGID int

	ExitCode   uint32 // of Exit: the raw wait status, as in wait(2) and syscall.WaitStatus
	ExitSignal int    // of Exit: the signal that tells the parent, mostly SIGCHLD; -1 for a thread but the first

	RealID, EffectiveID uint32 // of UID and GID: the new ids, in the first user namespace

	TracerPID, TracerTGID int // of Ptrace: the tracer that attached; 0 when it detached

	Comm [16]byte // of Comm: the new name, ended by a zero byte
}

// IsThread reports whether the event is about a thread other than the first of its process. A Fork for which it is
// false is the birth of a process.
func (e *Event) IsThread() bool { return e.PID != e.TGID }

// Name returns the new name that a Comm event tells: up to 15 bytes, any but zero.
func (e *Event) Name() string {
	name, _, _ := bytes.Cut(e.Comm[:], []byte{0})
	return string(name)
}

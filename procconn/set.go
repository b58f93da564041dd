package procconn

import (
	"errors"
	"time"

	"github.com/cilium/ebpf/asm"
)

// ErrNoBPF is wrapped by the error of [Conn.Track] when this kernel does not let us have an eBPF filter: it has none
// (ENOSYS, EINVAL), or we may not (EPERM: neither root nor CAP_BPF, a sandbox, or RLIMIT_MEMLOCK before Linux 5.11). The
// text says what was refused. [Conn.Filter] is what may still work.
var ErrNoBPF = errors.New("procconn: no eBPF for us")

// Birth is a process of a [Set] and what the kernel told when it was forked.
type Birth struct {
	PID    int           // the process (a tgid)
	Parent int           // the process that forked it, dead by now or not, as [Event.ParentTGID]; 0 if it was added
	Time   time.Duration // when, as [Event.Time]; 0 if it was added
}

// entry is the value in the kernel's map. It is cut out of a Fork's struct proc_event as it stands there.
type entry struct {
	Time       uint64
	ParentPID  uint32
	ParentTGID uint32
}

const entrySize = 16

func (e *entry) birth(tgid uint32) Birth {
	return Birth{PID: int(tgid), Parent: int(e.ParentTGID), Time: time.Duration(e.Time)}
}

// What the filters read of a frame: where struct proc_event is, and what is where in it.
const (
	eventAt = nlmsgSize + cnSize

	kindAt       = 0
	timeAt       = 8
	pidAt        = 16 // of all kinds but Fork, of which it is the parent
	tgidAt       = 20
	childPIDAt   = 24 // of Fork
	childTGIDAt  = 28
	parentTGIDAt = tgidAt
)

// A socket filter returns how much of a frame is to be queued.
const (
	pass = 1<<32 - 1
	drop = 0
)

// setProgram is the eBPF socket filter that keeps a Set: births is the descriptor of its map, lost that of an array with
// one counter, self our tgid.
//
// It uses nothing that is newer than Linux 5.1 (32-bit jumps) or that would be refused to a user without privileges where
// those may load filters.
func setProgram(births, lost, self int) asm.Instructions {
	var program asm.Instructions
	for _, part := range []asm.Instructions{
		loadEvent(),
		oneOf(births),
		ownComm(self),
		birth(births),
		full(lost),
		stranger(births),
		{
			asm.Mov.Imm32(asm.R0, pass-1<<32).WithSymbol("pass"), // a signed number
			asm.Return(),
			asm.Mov.Imm32(asm.R0, drop).WithSymbol("drop"),
			asm.Return(),
		},
	} {
		program = append(program, part...)
	}
	return program
}

// onStack is where a field of struct proc_event is, relative to the frame pointer, when loadEvent has run.
func onStack(field int16) int16 { return field - eventSize }

// loadEvent puts struct proc_event onto the stack (a frame that is too short has none) and branches by its kind.
func loadEvent() asm.Instructions {
	fork, comm, exec, exit := Fork, Comm, Exec, Exit
	return asm.Instructions{
		asm.Mov.Imm(asm.R2, eventAt),
		asm.Mov.Reg(asm.R3, asm.RFP),
		asm.Add.Imm(asm.R3, -eventSize),
		asm.Mov.Imm(asm.R4, eventSize),
		asm.FnSkbLoadBytes.Call(),
		asm.JNE.Imm(asm.R0, 0, "drop"),
		asm.LoadMem(asm.R1, asm.RFP, onStack(kindAt), asm.Word),
		asm.JEq.Imm32(asm.R1, int32(fork), "fork"),
		asm.JEq.Imm32(asm.R1, int32(comm), "comm"),
		asm.JEq.Imm32(asm.R1, int32(exec), "one of the set"),
		asm.JNE.Imm32(asm.R1, int32(exit), "drop"),
	}
}

// oneOf passes an event about the first thread of a process in the set.
func oneOf(births int) asm.Instructions {
	return append(asm.Instructions{
		asm.LoadMem(asm.R1, asm.RFP, onStack(pidAt), asm.Word).WithSymbol("one of the set"),
		asm.LoadMem(asm.R2, asm.RFP, onStack(tgidAt), asm.Word),
		asm.JNE.Reg(asm.R1, asm.R2, "drop"),
	}, append(lookup(births, tgidAt),
		asm.JEq.Imm(asm.R0, 0, "drop"),
		asm.Ja.Label("pass"),
	)...)
}

// ownComm passes what Probe waits for.
func ownComm(self int) asm.Instructions {
	return asm.Instructions{
		asm.LoadMem(asm.R1, asm.RFP, onStack(tgidAt), asm.Word).WithSymbol("comm"),
		asm.JNE.Imm32(asm.R1, int32(self), "drop"),
		asm.Ja.Label("pass"),
	}
}

// birth adds the child of a parent in the set.
func birth(births int) asm.Instructions {
	return append(asm.Instructions{
		asm.LoadMem(asm.R1, asm.RFP, onStack(childPIDAt), asm.Word).WithSymbol("fork"),
		asm.LoadMem(asm.R2, asm.RFP, onStack(childTGIDAt), asm.Word),
		asm.JNE.Reg(asm.R1, asm.R2, "drop"), // a thread
	}, append(lookup(births, parentTGIDAt),
		asm.JEq.Imm(asm.R0, 0, "stranger"),
		asm.LoadMapPtr(asm.R1, births),
		stackAddress(asm.R2), asm.Add.Imm(asm.R2, int32(onStack(childTGIDAt))),
		stackAddress(asm.R3), asm.Add.Imm(asm.R3, int32(onStack(timeAt))), // an entry begins there
		asm.Mov.Imm(asm.R4, 0), // BPF_ANY: the earlier process with this pid is dead
		asm.FnMapUpdateElem.Call(),
		asm.JEq.Imm(asm.R0, 0, "pass"),
	)...)
}

// full comes after birth and counts one that found no room. The event passes all the same.
func full(lost int) asm.Instructions {
	return asm.Instructions{
		asm.Mov.Imm(asm.R1, 0),
		asm.StoreMem(asm.RFP, onStack(kindAt), asm.R1, asm.Word), // done with; it serves as the index
		asm.LoadMapPtr(asm.R1, lost),
		stackAddress(asm.R2), asm.Add.Imm(asm.R2, int32(onStack(kindAt))),
		asm.FnMapLookupElem.Call(),
		asm.JEq.Imm(asm.R0, 0, "pass"), // never: the verifier wants it
		asm.Mov.Imm(asm.R1, 1),
		asm.AddAtomic.Mem(asm.R0, asm.R1, asm.DWord, 0),
		asm.Ja.Label("pass"),
	}
}

// stranger drops the birth of a stranger's child. If its pid is in the set, then its former owner is dead: it is deleted,
// and the event passes, for userland has no other way to know when that was.
func stranger(births int) asm.Instructions {
	// Most are not there. A look takes no lock, which a deletion would.
	look := lookup(births, childTGIDAt)
	look[0] = look[0].WithSymbol("stranger")
	return append(look,
		asm.JEq.Imm(asm.R0, 0, "drop"),
		asm.LoadMapPtr(asm.R1, births),
		stackAddress(asm.R2), asm.Add.Imm(asm.R2, int32(onStack(childTGIDAt))),
		asm.FnMapDeleteElem.Call(), // and on to pass
	)
}

// lookup sets R0 to the address of the entry of the tgid in a field of the event, or to 0.
func lookup(births int, field int16) asm.Instructions {
	return asm.Instructions{
		asm.LoadMapPtr(asm.R1, births),
		stackAddress(asm.R2), asm.Add.Imm(asm.R2, int32(onStack(field))),
		asm.FnMapLookupElem.Call(),
	}
}

func stackAddress(r asm.Register) asm.Instruction { return asm.Mov.Reg(r, asm.RFP) }

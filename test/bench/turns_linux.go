package main

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/ringbuf"
	"golang.org/x/sys/unix"
)

// turnMeter measures the turns of a process's epoll loop from outside, by two eBPF programs at the entry and the exit of
// all system calls (raw tracepoints, Linux 4.17; the ring buffer came with 5.8): a turn is from epoll_wait's return to
// its next entry. They cost each call some nanoseconds, which the turns include. When Go's runtime looks at its own epoll on
// the loop's thread, as it may at the end of a garbage collection, a turn is counted as two; that is rare.
type turnMeter struct {
	threads *ebpf.Map // a thread → when its epoll_wait returned; 0 while it waits
	turns   *ebpf.Map // the ring buffer
	links   []link.Link
}

// turnRoom is more bytes than the turns of a measurement take; what finds no room is not counted.
const turnRoom = 4 << 20

// turn is what the kernel side tells: struct {u64 thread, nanoseconds}.
const turnSize = 16

// Where its fields are, relative to the frame pointer.
const (
	threadOnStack = -turnSize
	timeOnStack   = threadOnStack + 8
)

// meterTurns measures from now on.
func meterTurns(pid int) (m *turnMeter, err error) {
	m = &turnMeter{}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("measuring the loop's turns: %w", err), m.close())
		}
	}()
	m.threads, err = ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Hash, KeySize: 8, ValueSize: 8, MaxEntries: 1024})
	if err != nil {
		return m, err
	}
	m.turns, err = ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.RingBuf, MaxEntries: turnRoom})
	if err != nil {
		return m, err
	}
	return m, errors.Join(
		m.attach("sys_exit", noteReturn(m.threads.FD())),
		m.attach("sys_enter", tellTurn(pid, m.threads.FD(), m.turns.FD())))
}

func (m *turnMeter) attach(tracepoint string, code asm.Instructions) error {
	program, err := ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.RawTracepoint, Instructions: code, License: "MIT"})
	if err != nil {
		return err
	}
	defer func() { _ = program.Close() }() // the link keeps it
	l, err := link.AttachRawTracepoint(link.RawTracepointOptions{Name: tracepoint, Program: program})
	if err == nil {
		m.links = append(m.links, l)
	}
	return err
}

// noteReturn, at the exit of any system call, notes the time if the thread is one that waited.
func noteReturn(threads int) asm.Instructions {
	return append(append(asm.Instructions{
		asm.FnGetCurrentPidTgid.Call(),
		asm.StoreMem(asm.RFP, threadOnStack, asm.R0, asm.DWord),
	}, lookUpThread(threads)...),
		asm.JEq.Imm(asm.R0, 0, "out"),
		asm.Mov.Reg(asm.R6, asm.R0),
		asm.LoadMem(asm.R1, asm.R6, 0, asm.DWord),
		asm.JNE.Imm(asm.R1, 0, "out"),
		asm.FnKtimeGetNs.Call(),
		asm.StoreMem(asm.R6, 0, asm.R0, asm.DWord),
		asm.Mov.Imm(asm.R0, 0).WithSymbol("out"),
		asm.Return(),
	)
}

// tellTurn, at the entry of epoll_wait (which is epoll_pwait in Go), tells how long ago the thread returned from the last.
func tellTurn(pid, threads, turns int) asm.Instructions {
	const number = 8 // where the system call's number is among the arguments of sys_enter
	return append(append(asm.Instructions{
		asm.LoadMem(asm.R1, asm.R1, number, asm.DWord),
		asm.JNE.Imm(asm.R1, unix.SYS_EPOLL_PWAIT, "out"),
		asm.FnGetCurrentPidTgid.Call(),
		asm.StoreMem(asm.RFP, threadOnStack, asm.R0, asm.DWord),
		asm.RSh.Imm(asm.R0, 32),
		asm.JNE.Imm(asm.R0, int32(pid), "out"),
		asm.FnKtimeGetNs.Call(),
		asm.Mov.Reg(asm.R6, asm.R0),
	}, lookUpThread(threads)...),
		asm.JEq.Imm(asm.R0, 0, "first"),
		asm.LoadMem(asm.R1, asm.R0, 0, asm.DWord),
		asm.Mov.Imm(asm.R2, 0),
		asm.StoreMem(asm.R0, 0, asm.R2, asm.DWord),
		asm.JEq.Imm(asm.R1, 0, "out"),
		asm.Sub.Reg(asm.R6, asm.R1),
		asm.StoreMem(asm.RFP, timeOnStack, asm.R6, asm.DWord),
		asm.LoadMapPtr(asm.R1, turns),
		asm.Mov.Reg(asm.R2, asm.RFP), asm.Add.Imm(asm.R2, threadOnStack),
		asm.Mov.Imm(asm.R3, turnSize),
		asm.Mov.Imm(asm.R4, 0),
		asm.FnRingbufOutput.Call(),
		asm.Ja.Label("out"),

		asm.Mov.Imm(asm.R1, 0).WithSymbol("first"),
		asm.StoreMem(asm.RFP, timeOnStack, asm.R1, asm.DWord),
		asm.LoadMapPtr(asm.R1, threads),
		asm.Mov.Reg(asm.R2, asm.RFP), asm.Add.Imm(asm.R2, threadOnStack),
		asm.Mov.Reg(asm.R3, asm.RFP), asm.Add.Imm(asm.R3, timeOnStack),
		asm.Mov.Imm(asm.R4, 0), // BPF_ANY
		asm.FnMapUpdateElem.Call(),
		asm.Mov.Imm(asm.R0, 0).WithSymbol("out"),
		asm.Return(),
	)
}

// lookUpThread sets R0 to the address of the thread's time, or to 0.
func lookUpThread(threads int) asm.Instructions {
	return asm.Instructions{
		asm.LoadMapPtr(asm.R1, threads),
		asm.Mov.Reg(asm.R2, asm.RFP), asm.Add.Imm(asm.R2, threadOnStack),
		asm.FnMapLookupElem.Call(),
	}
}

// read ends the measurement and returns the turns of the loop, in milliseconds.
func (m *turnMeter) read() ([]float64, error) {
	if err := m.detach(); err != nil {
		return nil, err
	}
	reader, err := ringbuf.NewReader(m.turns)
	if err != nil {
		return nil, err
	}
	defer func() { _ = reader.Close() }() // it was only read
	found := map[uint64][]float64{}
	reader.SetDeadline(time.Now()) // what is there, and no more
	for {
		record, err := reader.Read()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return busiest(found), nil
		}
		if err != nil {
			return nil, err
		}
		thread := binary.NativeEndian.Uint64(record.RawSample)
		took := time.Duration(binary.NativeEndian.Uint64(record.RawSample[8:]))
		found[thread] = append(found[thread], milliseconds(took))
	}
}

// busiest are the turns of the thread that has made most. It is the loop's: others wait in epoll too, for Go's runtime,
// but hardly ever.
func busiest(threads map[uint64][]float64) []float64 {
	return slices.MaxFunc(append(slices.Collect(maps.Values(threads)), nil), // none, if there are no threads
		func(a, b []float64) int { return cmp.Compare(len(a), len(b)) })
}

func (m *turnMeter) detach() (err error) {
	for _, l := range m.links {
		err = errors.Join(err, l.Close())
	}
	m.links = nil
	return err
}

func (m *turnMeter) close() error {
	return errors.Join(m.detach(), m.threads.Close(), m.turns.Close()) // closing none is no error
}

package procconn

import (
	"encoding/binary"
	"slices"

	"golang.org/x/net/bpf"
)

// FilterLimit is the number of processes up to which the filter of [Conn.Filter] is exact. Its program grows with them, and
// for the programs of one socket, the old and the new when one follows the other, there are net.core.optmem_max bytes:
// 20,480 before Linux 6.7.
const FilterLimit = 200

// classicFilter is the classic BPF program that passes what is about pids, and the Comm events of the process self. It
// has no loops and no functions, so it falls or jumps forward through its parts to the last. A frame that is too short ends
// it at the first load beyond, and is dropped.
func classicFilter(pids []int, self int) []bpf.Instruction {
	pass, drop := bpf.RetConstant{Val: pass}, bpf.RetConstant{Val: drop}
	is := func(value uint32, skipTrue, skipFalse int) bpf.Instruction {
		return bpf.JumpIf{Cond: bpf.JumpEqual, Val: wire(value), SkipTrue: uint8(skipTrue), SkipFalse: uint8(skipFalse)}
	}
	find := search(pids)
	comm := []bpf.Instruction{load(tgidAt), is(uint32(self), 0, 1), pass, drop}
	fork := slices.Concat(process(childPIDAt, childTGIDAt),
		[]bpf.Instruction{load(parentTGIDAt)}, find,
		[]bpf.Instruction{load(childTGIDAt)}) // a stranger's child may have the pid of a dead process of ours
	other := append(process(pidAt, tgidAt), bpf.Jump{Skip: uint32(len(fork))})
	kinds := []bpf.Instruction{
		load(kindAt),
		is(uint32(Comm), 4, 0),
		is(uint32(Exec), 3+len(comm), 0),
		is(uint32(Exit), 2+len(comm), 0),
		is(uint32(Fork), 1+len(comm)+len(other), 0),
		drop,
	}
	return slices.Concat(kinds, comm, other, fork, find, []bpf.Instruction{drop})
}

// process drops threads but the first, by the fields of an event with the ids of the thread and of its process, and goes on
// with the latter.
func process(pid, tgid uint32) []bpf.Instruction {
	return []bpf.Instruction{
		load(pid),
		bpf.TAX{},
		load(tgid),
		bpf.JumpIfX{Cond: bpf.JumpEqual, SkipTrue: 1},
		bpf.RetConstant{Val: drop},
	}
}

// search passes what is about one of pids, by the tgid that was loaded; otherwise the program goes on after it. With
// too many of them it passes everything.
func search(pids []int) []bpf.Instruction {
	if len(pids) > FilterLimit {
		return []bpf.Instruction{bpf.RetConstant{Val: pass}}
	}
	ids := make([]uint32, len(pids))
	for i, pid := range pids {
		ids[i] = wire(uint32(pid))
	}
	slices.Sort(ids)
	return tree(ids)
}

// tree is a binary search in ids, which are sorted.
func tree(ids []uint32) []bpf.Instruction {
	const leaf = 16 // as few are compared one after the other
	if len(ids) <= leaf {
		return list(ids)
	}
	middle := len(ids) / 2
	low, high := tree(ids[:middle]), tree(ids[middle:])
	return slices.Concat(
		[]bpf.Instruction{
			bpf.JumpIf{Cond: bpf.JumpGreaterOrEqual, Val: ids[middle], SkipFalse: 1},
			bpf.Jump{Skip: uint32(len(low) + 1)}, // a conditional jump spans no more than 255
		},
		low,
		[]bpf.Instruction{bpf.Jump{Skip: uint32(len(high))}},
		high,
	)
}

func list(ids []uint32) (program []bpf.Instruction) {
	for i, id := range ids {
		program = append(program, bpf.JumpIf{Cond: bpf.JumpEqual, Val: id, SkipTrue: uint8(len(ids) - i)})
	}
	return append(program, bpf.Jump{Skip: 1}, bpf.RetConstant{Val: pass})
}

// load loads a field of struct proc_event.
func load(field uint32) bpf.Instruction { return bpf.LoadAbsolute{Off: eventAt + field, Size: 4} }

// wire is a number of the event as a load sees it: classic BPF takes every packet for one of the network, in its byte order.
func wire(v uint32) uint32 {
	return binary.BigEndian.Uint32(native.AppendUint32(nil, v))
}

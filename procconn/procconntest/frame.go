package procconntest

import (
	"encoding/binary"

	"respawner/procconn"
)

// Frame returns ev as the kernel would put it on the wire: struct nlmsghdr, struct cn_msg and struct proc_event, in this
// machine's byte order. seq is what the kernel counts up for each event, on each CPU. Fields that do not belong to ev's
// Kind are left out; a Kind that procconn does not know makes an event with nothing but its header.
func Frame(ev procconn.Event, seq uint32) []byte {
	return frame(ev, seq, 0, eventData(ev))
}

// frame lays out one message. ack is 0 for events.
func frame(ev procconn.Event, seq, ack uint32, data [24]byte) []byte {
	const size, cnSize, eventSize = 76, 20, 40
	e := binary.NativeEndian
	b := make([]byte, 0, size)
	b = e.AppendUint32(b, size)
	b = e.AppendUint16(b, 3) // NLMSG_DONE
	b = e.AppendUint16(b, 0)
	b = e.AppendUint32(b, seq)
	b = e.AppendUint32(b, 0) // the kernel's port

	b = e.AppendUint32(b, 1) // CN_IDX_PROC
	b = e.AppendUint32(b, 1) // CN_VAL_PROC
	b = e.AppendUint32(b, seq)
	b = e.AppendUint32(b, ack)
	b = e.AppendUint16(b, eventSize)
	b = e.AppendUint16(b, 0)

	b = e.AppendUint32(b, uint32(ev.Kind))
	b = e.AppendUint32(b, uint32(ev.CPU))
	b = e.AppendUint64(b, uint64(ev.Time))
	return append(b, data[:]...)
}

// eventData returns proc_event.event_data.
func eventData(ev procconn.Event) (data [24]byte) {
	put := func(words ...int) {
		for i, w := range words {
			binary.NativeEndian.PutUint32(data[4*i:], uint32(w))
		}
	}
	switch ev.Kind {
	case procconn.Fork:
		put(ev.ParentPID, ev.ParentTGID, ev.PID, ev.TGID)
	case procconn.Exec, procconn.SID:
		put(ev.PID, ev.TGID)
	case procconn.UID, procconn.GID:
		put(ev.PID, ev.TGID, int(ev.RealID), int(ev.EffectiveID))
	case procconn.Ptrace:
		put(ev.PID, ev.TGID, ev.TracerPID, ev.TracerTGID)
	case procconn.Comm:
		put(ev.PID, ev.TGID)
		copy(data[8:], ev.Comm[:])
	case procconn.Coredump:
		put(ev.PID, ev.TGID, ev.ParentPID, ev.ParentTGID)
	case procconn.Exit:
		put(ev.PID, ev.TGID, int(ev.ExitCode), ev.ExitSignal, ev.ParentPID, ev.ParentTGID)
	}
	return data
}

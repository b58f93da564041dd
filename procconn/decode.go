package procconn

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

var (
	// ErrMalformed is returned by [Decode] for bytes that are not one whole frame of the process events connector.
	ErrMalformed = errors.New("procconn: malformed frame")
	// ErrUnknown is returned by [Decode] for a whole frame that tells no event: the acknowledgement of a LISTEN
	// (PROC_EVENT_NONE), or a kind of event that this package does not know.
	ErrUnknown = errors.New("procconn: frame tells no known event")
)

// A frame is struct nlmsghdr (include/uapi/linux/netlink.h), struct cn_msg (include/uapi/linux/connector.h) and struct
// proc_event (include/uapi/linux/cn_proc.h), one after the other without gaps. These are their sizes and some of their
// values. proc_event has had this size since Linux 3.2.
const (
	nlmsgSize = 16
	cnSize    = 20
	eventSize = 40

	nlmsgDone = 3 // NLMSG_DONE
	cnIdxProc = 1 // CN_IDX_PROC, the multicast group as well
	cnValProc = 1 // CN_VAL_PROC

	kindNone Kind = 0 // PROC_EVENT_NONE: the acknowledgement of a LISTEN or IGNORE
)

var native = binary.NativeEndian

// message is what a frame says: an event, or with kindNone an acknowledgement.
type message struct {
	Event
	ack   uint32 // of an acknowledgement: the request's, plus one
	errno uint32 // of an acknowledgement: 0 if the request was granted
}

// Decode returns the event that a frame tells. A frame is one netlink message as read from the socket, header included,
// in this machine's byte order; bytes beyond the length that its header states are ignored.
//
// The error is [ErrMalformed] or [ErrUnknown], wrapped. Decode does not keep frame.
func Decode(frame []byte) (Event, error) {
	var m message
	if err := m.parse(frame); err != nil {
		return Event{}, err
	}
	if m.Kind == kindNone {
		return Event{}, fmt.Errorf("%w: an acknowledgement", ErrUnknown)
	}
	return m.Event, nil
}

// parse sets m to what frame says.
func (m *message) parse(frame []byte) error {
	msg, err := connectorMessage(frame)
	if err != nil {
		return err
	}
	*m = message{ack: native.Uint32(msg[12:])}
	ev := msg[cnSize:]
	m.Kind = Kind(native.Uint32(ev))
	m.CPU = int(native.Uint32(ev[4:]))
	m.Time = time.Duration(native.Uint64(ev[8:]))
	if data := ev[16:]; m.Kind == kindNone {
		m.errno = native.Uint32(data)
	} else {
		err = m.parseData(data)
	}
	return err
}

// connectorMessage returns the cn_msg and the proc_event in frame.
func connectorMessage(frame []byte) ([]byte, error) {
	if len(frame) < nlmsgSize+cnSize+eventSize {
		return nil, fmt.Errorf("%w: %d bytes", ErrMalformed, len(frame))
	}
	length := native.Uint32(frame)
	if length < nlmsgSize+cnSize+eventSize || uint64(length) > uint64(len(frame)) {
		return nil, fmt.Errorf("%w: %d bytes that say to be %d", ErrMalformed, len(frame), length)
	}
	if typ := native.Uint16(frame[4:]); typ != nlmsgDone {
		return nil, fmt.Errorf("%w: netlink message type %d", ErrMalformed, typ)
	}
	msg := frame[nlmsgSize:length]
	if idx, val := native.Uint32(msg), native.Uint32(msg[4:]); idx != cnIdxProc || val != cnValProc {
		return nil, fmt.Errorf("%w: connector %d/%d", ErrMalformed, idx, val)
	}
	if size := int(native.Uint16(msg[16:])); size < eventSize || cnSize+size > len(msg) {
		return nil, fmt.Errorf("%w: event of %d bytes", ErrMalformed, size)
	}
	return msg, nil
}

// parseData sets what depends on the kind from proc_event.event_data, 24 bytes.
func (m *message) parseData(data []byte) error {
	m.PID, m.TGID = id(data), id(data[4:])
	switch m.Kind {
	case Fork:
		m.ParentPID, m.ParentTGID, m.PID, m.TGID = m.PID, m.TGID, id(data[8:]), id(data[12:])
	case Exec, SID:
	case UID, GID:
		m.RealID, m.EffectiveID = native.Uint32(data[8:]), native.Uint32(data[12:])
	case Ptrace:
		m.TracerPID, m.TracerTGID = id(data[8:]), id(data[12:])
	case Comm:
		copy(m.Comm[:], data[8:])
	case Coredump:
		m.ParentPID, m.ParentTGID = id(data[8:]), id(data[12:])
	case Exit:
		m.ExitCode, m.ExitSignal = native.Uint32(data[8:]), id(data[12:])
		m.ParentPID, m.ParentTGID = id(data[16:]), id(data[20:])
	default:
		return fmt.Errorf("%w: %v", ErrUnknown, m.Kind)
	}
	return nil
}

// id reads a pid, or whatever else is a signed number of 32 bits.
func id(b []byte) int { return int(int32(native.Uint32(b))) }

// listenMessage returns the cn_msg that asks for process events. The kernel puts ack+1 into its answer; it would not give
// back seq. The operation stands alone: the longer struct proc_input of Linux 6.6 is ignored by older kernels.
func listenMessage(ack uint32) []byte {
	const listen = 1 // PROC_CN_MCAST_LISTEN
	msg := make([]byte, cnSize, cnSize+4)
	native.PutUint32(msg, cnIdxProc)
	native.PutUint32(msg[4:], cnValProc)
	native.PutUint32(msg[12:], ack)
	native.PutUint16(msg[16:], 4)
	return native.AppendUint32(msg, listen)
}

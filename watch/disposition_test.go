package watch

import (
	"errors"
	"strings"
	"testing"
)

func TestParseReception(t *testing.T) {
	const hup, usr2 = 1, 12
	status := func(blk, ign, cgt string) string {
		return "Name:\ta b\nUmask:\t0022\nSigPnd:\t0000000000000001\nSigBlk:\t" + blk + "\nSigIgn:\t" + ign + "\nSigCgt:\t" + cgt + "\nSeccomp:\t0\n"
	}
	const none, one, all = "0000000000000000", "0000000000000001", "ffffffffffffffff"
	for text, want := range map[string]disposition{
		status(none, none, none): unhandled, status(none, none, one): handled, status(none, one, none): discarded,
		status(one, none, none): blocked, status(one, one, none): blocked, status(one, none, one): handled,
		status(all, none, "0000000000000800"): blocked, status(none, none, all): handled,
	} {
		if got, err := parseReception([]byte(text), hup); err != nil || got != (reception{"a b", want}) {
			t.Errorf("%q: %+v, %v; want %v", text, got, err, want)
		}
	}
	if got, err := parseReception([]byte(status(none, none, "0000000000000800")), usr2); err != nil || got.disposition != handled {
		t.Errorf("USR2: %+v, %v", got, err)
	}
	good := status(none, none, none)
	for _, text := range []string{
		"", "Name:\tx\n", strings.ReplaceAll(good, "SigCgt", "SigCgu"), strings.ReplaceAll(good, "SigBlk:\t0", "SigBlk:\tx"),
		strings.ReplaceAll(good, "Name:", "Names:"), strings.ReplaceAll(good, "SigIgn:\t", "SigIgn:\t0000"+all),
	} {
		if got, err := parseReception([]byte(text), hup); !errors.Is(err, errStatus) {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
}

package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode"
)

// FuzzWriteJSON: what is written means what was meant, and a terminal finds
// nothing in it that it would obey.
func FuzzWriteJSON(f *testing.F) {
	for _, text := range []string{"", "plain", "\x1b[2J\x7f\u009b2J\u0085", "\u202e\ufeff\u00a0\u2028", "\U000e0001😀 Grüße", "\xff\xc2", "\\\"<>&\n\t"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var out bytes.Buffer
		if err := writeJSON(&out, []string{text}); err != nil {
			t.Fatal(err)
		}
		line, ended := strings.CutSuffix(out.String(), "\n")
		if !ended || strings.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("%q", out.String())
		}
		var got []string
		if err := json.Unmarshal(out.Bytes(), &got); err != nil || len(got) != 1 || got[0] != strings.ToValidUTF8(text, "\ufffd") && got[0] != string([]rune(text)) {
			t.Errorf("%q came back as %q, %v", text, got, err)
		}
	})
}

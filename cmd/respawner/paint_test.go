package main

import (
	"strings"
	"testing"

	"github.com/clipperhouse/displaywidth"
)

func TestPad(t *testing.T) {
	for _, tt := range []struct {
		text  string
		width int
		right bool
		want  string
	}{
		{"ab", 4, false, "ab  "}, {"ab", 4, true, "  ab"}, {"ab", 2, false, "ab"}, {"abc", 2, false, "a…"}, {"abc", 0, false, ""},
		{"日本語", 6, false, "日本語"}, {"日本語", 5, false, "日本…"}, {"日本語", 4, true, " 日…"}, {"e\u0301a", 2, false, "e\u0301a"},
	} {
		if got := pad(tt.text, tt.width, tt.right); got != tt.want {
			t.Errorf("pad(%q, %d, %v) = %q, want %q", tt.text, tt.width, tt.right, got, tt.want)
		}
	}
}

func TestDraw(t *testing.T) {
	l := line{{"ab", green}, {" ", plain}, {"cde", dim.and(inverse)}, {"", red}}
	for _, tt := range []struct {
		d    display
		want string
	}{
		{display{}, "ab cde"},
		{display{colour: true}, "\x1b[32mab\x1b[0m \x1b[2;7mcde\x1b[0m"},
		{display{width: 5}, "ab c…"}, {display{width: 6}, "ab cde"}, {display{width: 2}, "ab"}, {display{width: 1}, "…"},
		{display{width: 1, colour: true}, "\x1b[32m…\x1b[0m"},
	} {
		if got := tt.d.draw(l); got != tt.want {
			t.Errorf("%+v: %q, want %q", tt.d, got, tt.want)
		}
	}
}

// FuzzDraw: whatever a program calls itself, a line keeps to the display.
func FuzzDraw(f *testing.F) {
	f.Add("日本\u200d語 é\U0001F468\u200d\U0001F469", "\u0301x", uint8(5))
	f.Fuzz(func(t *testing.T, a, b string, width uint8) {
		d := display{width: int(width) + 1}
		drawn := d.draw(line{{printable(a), plain}, {pad(printable(b), 7, true), plain}})
		if wide := displaywidth.String(drawn); wide > d.width || strings.Contains(drawn, "\n") {
			t.Errorf("%d columns of %d: %q", wide, d.width, drawn)
		}
	})
}

package main

import (
	"os"
	"strings"
	"testing"
	"time"
)

// The golden files have times in them.
func TestMain(m *testing.M) {
	time.Local = time.UTC
	os.Exit(m.Run())
}

func TestParseWhen(t *testing.T) {
	now := time.Date(2026, 11, 23, 22, 0, 0, 0, time.FixedZone("", 3600))
	day := now.Add(-22 * time.Hour)
	for in, want := range map[string]time.Time{
		"10m": now.Add(-10 * time.Minute), "2h30m": now.Add(-150 * time.Minute), "0s": now, "now": now, "1.5h": now.Add(-90 * time.Minute),
		"1d": now.AddDate(0, 0, -1), "1w": now.AddDate(0, 0, -7), "1w2d3h": now.AddDate(0, 0, -9).Add(-3 * time.Hour),
		"today": day, "yesterday": day.AddDate(0, 0, -1),
		"17:26": day.Add(17*time.Hour + 26*time.Minute), "22:00": now, "22:01": now.Add(time.Minute).AddDate(0, 0, -1),
		"17:26:30":         day.Add(17*time.Hour + 26*time.Minute + 30*time.Second),
		"2026-11-23 22:00": now, "2026-11-23T22:00": now, "2026-11-23 21:59:30": now.Add(-30 * time.Second), "2026-11-23T22:00:00": now,
		"2026-11-23T21:00:00Z": now, "2026-11-23T22:00:00.000+01:00": now, "2026-11-23 22:00:00+01:00": now, "2026-11-23": day,
		"1795467600": now, "@1795467600": now, "1795467599.5": now.Add(-time.Second / 2), "0": time.Unix(0, 0),
	} {
		if got, err := parseWhen("since", in, now); !got.Equal(want) || err != nil {
			t.Errorf("%s: %v, %v; want %v", in, got, err, want)
		}
	}
	for _, in := range []string{"", "30", "1d2w", "-1h", "1d-1h", "5", "tomorrow", "25:00", "2026-13-01", "1e9", "999999999999", "d", "NaN", "1795467600s1"} {
		if got, err := parseWhen("until", in, now); err == nil || !strings.HasPrefix(err.Error(), "bad --until ") {
			t.Errorf("%q: %v, %v", in, got, err)
		}
	}
}

// What is printed can be typed.
func TestMomentIsUnderstood(t *testing.T) {
	at := time.Date(2026, 11, 23, 22, 0, 1, 234e6, time.UTC)
	for _, text := range []string{moment(at), second(at)} {
		if got, err := parseWhen("since", text, at); err != nil || at.Sub(got) >= time.Second || got.After(at) {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
}

func TestCutStamp(t *testing.T) {
	at := time.Date(2026, 11, 23, 22, 0, 1, 234e6, time.UTC)
	for in, want := range map[string]string{
		"2026-11-23T22:00:01.234Z text":       "text",
		"2026-11-23T23:00:01.234+01:00 a b":   "a b",
		"2026-11-23T19:30:01.234-02:30 ":      "",
		"2026-11-23T22:00:01.234Z 2026-11-23": "2026-11-23",
	} {
		if got, text, ok := cutStamp([]byte(in)); !ok || !got.Equal(at) || string(text) != want {
			t.Errorf("%q: %v, %q, %t", in, got, text, ok)
		}
	}
	for _, in := range []string{"", "text", "2026-11-23T22:00:01.234Z", "2026-11-23T22:00:01.234Ztext", " 2026-11-23T22:00:01.234Z x"} {
		if _, text, ok := cutStamp([]byte(in)); ok || string(text) != in {
			t.Errorf("%q: %q, %t", in, text, ok)
		}
	}
}

package main

import (
	"slices"
	"testing"
	"time"

	"respawner/procconn"
)

func TestQuantile(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   string
	}{
		{[]float64{7}, "7 to 7"},
		{[]float64{3, 1}, "1.5 to 2.5"},
		{[]float64{5, 1, 4, 2, 3}, "2 to 4"},
	} {
		if got := quartiles(c.values, "%g"); got != c.want {
			t.Errorf("quartiles of %v: %s, want %s", c.values, got, c.want)
		}
	}
}

func TestRatios(t *testing.T) {
	if got := ratios([]float64{6, 1}, []float64{3, 4}); !slices.Equal(got, []float64{2, 0.25}) {
		t.Errorf("got %v", got)
	}
}

func TestLongest(t *testing.T) {
	begin := time.Now()
	for _, c := range []struct {
		after []time.Duration
		want  time.Duration
	}{
		{[]time.Duration{0}, 0},
		{[]time.Duration{0, 3, 4}, 3},
		{[]time.Duration{0, 1, 9, 11}, 8},
	} {
		var moments []time.Time
		for _, d := range c.after {
			moments = append(moments, begin.Add(d))
		}
		if got := longest(moments); got != c.want {
			t.Errorf("%v: %d, want %d", c.after, got, c.want)
		}
	}
}

func TestBusiest(t *testing.T) {
	for _, c := range []struct {
		threads map[uint64][]float64
		want    []float64
	}{
		{nil, nil},
		{map[uint64][]float64{1: {9}, 2: {1, 2}, 3: {8}}, []float64{1, 2}},
	} {
		if got := busiest(c.threads); !slices.Equal(got, c.want) {
			t.Errorf("%v: %v, want %v", c.threads, got, c.want)
		}
	}
}

func TestUnknownChapter(t *testing.T) {
	if _, err := (&bench{}).chapter(t.Context(), "nonsense"); err == nil {
		t.Error("a chapter that is not there is measured")
	}
}

func TestTable(t *testing.T) {
	got := table{{"what", "µs", ""}}
	got.add("one", "1000", "-")
	got.addMissing("two", "not\nhere")
	want := "" +
		"| what | µs       |   |\n" +
		"| ---- | -------- | - |\n" +
		"| one  | 1000     | - |\n" +
		"| two  | not here | - |\n"
	if got.String() != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// What others do meanwhile, what threads do, and a second child don't count.
func TestSuccession(t *testing.T) {
	const parent, victim, heir, other, stranger = 10, 11, 12, 13, 20
	story := succession{parent: parent, victim: victim}
	for i, e := range []procconn.Event{
		{Kind: procconn.Exit, PID: victim + 100, TGID: victim},
		{Kind: procconn.Exit, PID: victim, TGID: victim},
		{Kind: procconn.Fork, PID: stranger, TGID: stranger, ParentTGID: 1},
		{Kind: procconn.Exec, PID: stranger, TGID: stranger},
		{Kind: procconn.Fork, PID: parent + 100, TGID: parent, ParentTGID: parent},
		{Kind: procconn.Fork, PID: heir, TGID: heir, ParentTGID: parent},
		{Kind: procconn.Fork, PID: other, TGID: other, ParentTGID: parent},
		{Kind: procconn.Exec, PID: other, TGID: other},
		{Kind: procconn.Exec, PID: heir, TGID: heir},
		{Kind: procconn.Exec, PID: heir, TGID: heir},
	} {
		e.Time = time.Duration(i)
		if _, done := story.took(); done != (i > 8) {
			t.Errorf("before event %d: done is %v", i, done)
		}
		story.add(e)
	}
	if took, _ := story.took(); took != 7 {
		t.Errorf("took %d, want 7", took)
	}
}

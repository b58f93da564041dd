package timer_test

import (
	"fmt"
	"time"

	"respawner/timer"
)

func ExampleQueue() {
	var deadlines timer.Queue[string]
	noon := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	deadlines.Set("lunch", noon)
	deadlines.Set("tea", noon.Add(4*time.Hour))
	deadlines.Set("lunch", noon.Add(time.Hour)) // later today: the first deadline is gone

	next, _ := deadlines.Next()
	fmt.Println("next at", next.Format(time.Kitchen))
	for key, ok := deadlines.Pop(noon.Add(2 * time.Hour)); ok; key, ok = deadlines.Pop(noon.Add(2 * time.Hour)) {
		fmt.Println(key)
	}
	fmt.Println(deadlines.Len(), "left")
	// Output:
	// next at 1:00PM
	// lunch
	// 1 left
}

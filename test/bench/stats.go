package main

import (
	"fmt"
	"slices"
	"time"
)

// quantile returns the value below which a share of the values lie: 0.5 is the median.
func quantile(values []float64, share float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	at := share * float64(len(sorted)-1)
	below := int(at)
	above := min(below+1, len(sorted)-1)
	return sorted[below] + (at-float64(below))*(sorted[above]-sorted[below])
}

func median(values []float64) float64 { return quantile(values, 0.5) }

// quartiles are the values between which the middle half lies.
func quartiles(values []float64, format string) string {
	return fmt.Sprintf(format+" to "+format, quantile(values, 0.25), quantile(values, 0.75))
}

// ratios are those of pairs.
func ratios(values, against []float64) (of []float64) {
	for i, v := range values {
		of = append(of, v/against[i])
	}
	return of
}

func milliseconds(d time.Duration) float64 { return d.Seconds() * 1e3 }

func inMilliseconds(ms float64) string { return fmt.Sprintf("%.2f ms", ms) }

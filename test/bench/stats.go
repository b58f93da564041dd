package main

import (
	"fmt"
	"slices"
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

package procconn

import "golang.org/x/net/bpf"

// ClassicFilter is the program of Filter.
func ClassicFilter(pids []int, self int) []bpf.Instruction { return classicFilter(pids, self) }

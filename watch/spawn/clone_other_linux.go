//go:build !amd64 && !arm64

package spawn

const canClone = false

func clone(*cloneArgs, uintptr, *plan) uintptr { panic("spawn: no clone for this processor") }

//go:build amd64 || arm64

package spawn

const canClone = true

// clone makes a child, which carries out a plan, and returns its pid, or an
// error as the kernel returns it. It does not return in the child.
//
//go:noescape
func clone(args *cloneArgs, size uintptr, plan *plan) (pid uintptr)

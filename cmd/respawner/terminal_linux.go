package main

import (
	"os"

	"golang.org/x/sys/unix"
)

// isTerminal tells whether somebody may be looking (tty_ioctl(4)).
func isTerminal(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

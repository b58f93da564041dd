package main

import (
	"os"

	"golang.org/x/term"
)

// displayOf returns what is known of a file that output goes to. It has colours on
// terminals only, and never where the environment has NO_COLOR (no-color.org).
func displayOf(f *os.File) display {
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil || width <= 0 {
		return display{}
	}
	return display{width: width, colour: os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"}
}

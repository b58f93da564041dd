package main

import (
	"os"

	"golang.org/x/term"
)

// displayOf is what is known of a file that output goes to. Colours are for
// terminals only, and for no one who has said NO_COLOR (no-color.org).
func displayOf(f *os.File) display {
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil || width <= 0 {
		return display{}
	}
	return display{width: width, colour: os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"}
}

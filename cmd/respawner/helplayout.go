package main

import (
	"io"
	"strings"

	"github.com/urfave/cli/v2"
)

// helpWidth is how wide help may be, in columns: it fits the terminal of old.
const helpWidth = 80

// Where help's texts begin, in columns.
const (
	helpIndent = 3
	optionText = 26
)

// printHelp is urfave/cli's, with helpFuncs.
func printHelp(w io.Writer, template string, data any) {
	cli.HelpPrinterCustom(w, template, data, helpFuncs())
}

// helpFuncs are what the templates of help lay their texts out with.
func helpFuncs() map[string]any {
	return map[string]any{"text": helpText, "entry": helpEntry, "option": helpOption}
}

// helpText lays out paragraphs. A line that begins with a blank, or with the name of
// respawner, is left as it is.
func helpText(text string) string {
	var lines, words []string
	flush := func() {
		lines, words = append(lines, wrapped(words, helpWidth-helpIndent)...), nil
	}
	for line := range strings.SplitSeq(text, "\n") {
		if line != "" && !strings.HasPrefix(line, " ") && !strings.HasPrefix(line, "respawner [") {
			words = append(words, strings.Fields(line)...)
			continue
		}
		flush()
		lines = append(lines, line)
	}
	flush()
	margin := strings.Repeat(" ", helpIndent)
	for i, line := range lines {
		lines[i] = strings.TrimRight(margin+line, " ")
	}
	return strings.Join(lines, "\n")
}

// helpEntry lays out what a term means, from column at on: beside it, or below a term
// that is too long for that.
func helpEntry(at int, term, meaning string) string {
	margin := strings.Repeat(" ", at)
	first := strings.Repeat(" ", helpIndent) + term
	lines := wrapped(strings.Fields(meaning), helpWidth-at)
	if len(first)+2 > at {
		return first + "\n" + margin + strings.Join(lines, "\n"+margin)
	}
	return first + margin[len(first):] + strings.Join(lines, "\n"+margin)
}

func helpOption(f cli.Flag) string {
	term, meaning, _ := strings.Cut(f.String(), "\t")
	return helpEntry(optionText, term, meaning)
}

// wrapped puts words into lines, none wider than width where its words allow it.
func wrapped(words []string, width int) (lines []string) {
	for _, word := range words {
		last := len(lines) - 1
		if last < 0 || len(lines[last])+1+len(word) > width {
			lines = append(lines, word)
			continue
		}
		lines[last] += " " + word
	}
	return lines
}

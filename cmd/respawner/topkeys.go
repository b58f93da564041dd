package main

import "strings"

// sequences are what terminals send for keys that are no characters, in the
// normal and in the application mode of the cursor keys (ECMA-48, xterm).
func sequences() map[string]string {
	return map[string]string{
		"\x1b[A": "up", "\x1bOA": "up", "\x1b[B": "down", "\x1bOB": "down",
		"\x1b[5~": "pgup", "\x1b[6~": "pgdown",
		"\x1b[H": "home", "\x1bOH": "home", "\x1b[1~": "home",
		"\x1b[F": "end", "\x1bOF": "end", "\x1b[4~": "end",
		"\x1b": "esc", "\r": "enter", "\n": "enter", "\x03": "ctrl-c",
		"\x7f": "backspace", "\b": "backspace",
	}
}

// parseKeys takes apart what a terminal has sent at once. What no key of ours
// sends is passed over.
func parseKeys(sent string) []string {
	var keys []string
	for sent != "" {
		n := keyLength(sent)
		if key, known := sequences()[sent[:n]]; known {
			keys = append(keys, key)
		} else if n == 1 && sent[0] > ' ' && sent[0] < 0x7f {
			keys = append(keys, sent[:1])
		}
		sent = sent[n:]
	}
	return keys
}

// keyLength is how many bytes the first key has: an escape sequence goes to
// its final byte.
func keyLength(sent string) int {
	switch {
	case strings.HasPrefix(sent, "\x1bO") && len(sent) > 2:
		return 3
	case !strings.HasPrefix(sent, "\x1b["):
		return 1
	}
	for i := 2; i < len(sent); i++ {
		if sent[i] >= '@' && sent[i] <= '~' {
			return i + 1
		}
	}
	return len(sent)
}

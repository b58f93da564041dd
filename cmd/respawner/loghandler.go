package main

import (
	"context"
	"log/slog"
	"strconv"
	"strings"
)

// logHandler makes a line of a record: the bare message, which is the seed's,
// then the attributes as key=value.
type logHandler struct {
	queue *logQueue
	attrs string // of WithAttrs, formatted
	group string // prefix of keys: "a.b."
}

// Enabled implements slog.Handler.
func (h *logHandler) Enabled(_ context.Context, level slog.Level) bool {
	return level >= slog.LevelInfo
}

// Handle implements slog.Handler; it never blocks.
func (h *logHandler) Handle(_ context.Context, r slog.Record) error {
	var text strings.Builder
	text.WriteString(printable(r.Message))
	text.WriteString(h.attrs)
	r.Attrs(func(a slog.Attr) bool {
		writeAttr(&text, h.group, a)
		return true
	})
	h.queue.put(logLine{r.Time, r.Level, text.String()})
	return nil
}

// WithAttrs implements slog.Handler.
func (h *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	var text strings.Builder
	for _, a := range attrs {
		writeAttr(&text, h.group, a)
	}
	return &logHandler{h.queue, h.attrs + text.String(), h.group}
}

// WithGroup implements slog.Handler.
func (h *logHandler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	return &logHandler{h.queue, h.attrs, h.group + name + "."}
}

// writeAttr appends " key=value"; the members of a group have its name in
// their keys.
func writeAttr(text *strings.Builder, group string, a slog.Attr) {
	value := a.Value.Resolve()
	switch {
	case a.Equal(slog.Attr{}):
		return
	case value.Kind() == slog.KindGroup:
		if a.Key != "" {
			group += a.Key + "."
		}
		for _, member := range value.Group() {
			writeAttr(text, group, member)
		}
		return
	}
	text.WriteString(" " + printable(group+a.Key) + "=" + quoted(value.String()))
}

// quoted keeps a value that has blanks in it apart from what follows.
func quoted(s string) string {
	if s == "" || strings.ContainsAny(s, " \t\"=") {
		return strconv.Quote(s)
	}
	return printable(s)
}

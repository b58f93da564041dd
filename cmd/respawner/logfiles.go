package main

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"time"

	"respawner/watch/safepath"
)

// history is a log with all that was rotated out of it, as it was at one moment.
type logFiles struct {
	path  string
	parts []part // the newest first
}

// part is one open file of a history.
type part struct {
	*os.File
	rotated rotated // empty path: the log file itself
}

// openLogFiles opens all there is; that may be nothing.
func openLogFiles(path string) (*logFiles, error) {
	for {
		h := &logFiles{path: path}
		err := h.open()
		if err == nil && h.isCurrent() {
			return h, nil
		}
		h.close() // it was rotated while we looked: once more
		if err != nil {
			return nil, err
		}
	}
}

func (h *logFiles) open() error {
	if f, err := safepath.Open(h.path); err == nil {
		h.parts = append(h.parts, part{File: f})
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	files, err := rotatedFiles(h.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, r := range slices.Backward(files) {
		f, e := safepath.Open(r.file())
		if errors.Is(e, fs.ErrNotExist) && !r.packed { // it has been compressed since
			r.packed = true
			f, e = safepath.Open(r.file())
		}
		switch {
		case e == nil:
			h.parts = append(h.parts, part{f, r})
		case !errors.Is(e, fs.ErrNotExist): // else it was removed for its age
			err = errors.Join(err, e)
		}
	}
	return err
}

// isCurrent reports whether the log file is still the one that was opened.
func (h *logFiles) isCurrent() bool {
	if len(h.parts) == 0 || h.parts[0].rotated.path != "" {
		_, err := os.Stat(h.path)
		return err != nil
	}
	return hasName(h.parts[0].File, h.path)
}

// hasName reports whether path leads to an open file.
func hasName(f *os.File, path string) bool {
	a, errA := f.Stat()
	b, errB := os.Stat(path)
	return errA == nil && errB == nil && os.SameFile(a, b)
}

func (h *logFiles) close() {
	for _, p := range h.parts {
		p.Close()
	}
}

// place is where printing begins: a part, and an offset in its text.
type place struct {
	part   int
	offset int64
}

func (p place) isBefore(q place) bool {
	return p.part > q.part || p.part == q.part && p.offset < q.offset
}

// print writes what a view shows, but for what is to come, as it is kept.
func (h *logFiles) print(out io.Writer, v view) error {
	at, err := h.from(v)
	if err != nil {
		return err
	}
	return h.copyFrom(out, at)
}

// from is where a view begins, by the number of lines and by time.
func (h *logFiles) from(v view) (place, error) {
	at, err := h.lastLines(v.Lines)
	if err != nil {
		return at, err
	}
	since, err := h.since(v.Since)
	if at.isBefore(since) {
		at = since
	}
	return at, err
}

// begin is from, or one line before it if there is one before the last lines.
func (h *logFiles) begin(v view) (at place, before bool, err error) {
	if at, err = h.from(v); err != nil || v.Lines <= 0 {
		return at, false, err
	}
	v.Lines++
	earlier, err := h.from(v)
	return earlier, earlier.isBefore(at), err
}

// copyFrom writes all there is from a place on.
func (h *logFiles) copyFrom(out io.Writer, at place) error {
	for i := at.part; i >= 0; i-- {
		if err := h.parts[i].copyTo(out, at.offset); err != nil {
			return err
		}
		at.offset = 0
	}
	return nil
}

// lastLines is where the last n lines begin.
func (h *logFiles) lastLines(n int) (place, error) {
	if n == allLines {
		return place{part: len(h.parts) - 1}, nil
	}
	var at place
	for i, p := range h.parts {
		offset, found, err := p.lastLines(n)
		if err != nil {
			return at, err
		}
		if at = (place{i, offset}); found >= n {
			break
		}
		n -= found
	}
	return at, nil
}

// since is where the lines since t begin.
func (h *logFiles) since(t time.Time) (place, error) {
	at := place{part: len(h.parts) - 1}
	if t.IsZero() {
		return at, nil
	}
	for i, p := range h.parts {
		offset, first, err := p.since(t)
		if err != nil {
			return at, err
		}
		if at = (place{i, offset}); !first {
			break // and all that is older is before t
		}
	}
	return at, nil
}

// text is what is in a part, from the beginning.
func (p part) text() (io.Reader, error) {
	if _, err := p.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	if p.rotated.packed {
		return gzip.NewReader(bufio.NewReader(p.File))
	}
	return p.File, nil
}

func (p part) copyTo(out io.Writer, offset int64) error {
	in, err := p.text()
	if err != nil {
		return err
	}
	if s, ok := in.(io.Seeker); ok {
		_, err = s.Seek(offset, io.SeekStart)
	} else {
		_, err = io.CopyN(io.Discard, in, offset)
	}
	if err == nil {
		_, err = io.Copy(out, in)
	}
	return err
}

// eachLine calls do with where each line begins, and with its beginning.
func (p part) eachLine(do func(offset int64, line []byte) (goOn bool)) error {
	in, err := p.text()
	if err != nil {
		return err
	}
	r := bufio.NewReaderSize(in, 1<<16)
	begins := true
	for offset := int64(0); ; {
		line, err := r.ReadSlice('\n')
		if len(line) > 0 && begins && !do(offset, line) {
			return nil
		}
		offset += int64(len(line))
		switch begins = err == nil; {
		case err == io.EOF:
			return nil
		case err != nil && !errors.Is(err, bufio.ErrBufferFull):
			return fmt.Errorf("read %s: %w", p.Name(), err)
		}
	}
}

// since is where the lines since t begin, which may be its end; first tells
// that no line is older.
func (p part) since(t time.Time) (at int64, first bool, err error) {
	first = true
	err = p.eachLine(func(offset int64, line []byte) bool {
		stamp, _, stamped := cutStamp(line)
		if stamped && !stamp.Before(t) {
			at = offset
			return false
		}
		first = first && !stamped
		at = offset + int64(len(line))
		return true
	})
	return at, first, err
}

// lastLines is where the last n lines begin, and how many there are: less, when
// it has no more.
func (p part) lastLines(n int) (at int64, found int, err error) {
	if p.rotated.packed {
		return p.lastPacked(n)
	}
	info, err := p.Stat()
	if err != nil || n == 0 {
		return info.Size(), 0, err
	}
	buf := make([]byte, 1<<16)
	for pos := info.Size(); pos > 0; {
		block := buf[:min(pos, int64(len(buf)))]
		pos -= int64(len(block))
		if _, err := p.ReadAt(block, pos); err != nil {
			return 0, 0, fmt.Errorf("read %s: %w", p.Name(), err)
		}
		for i := len(block) - 1; i >= 0; i-- {
			if block[i] != '\n' || pos+int64(i) == info.Size()-1 {
				continue
			}
			if found++; found == n {
				return pos + int64(i) + 1, n, nil
			}
		}
	}
	return 0, found + min(1, int(info.Size())), nil
}

// lastPacked reads it twice, for what is compressed has no way back.
func (p part) lastPacked(n int) (at int64, found int, err error) {
	total, passed := 0, 0
	count := func(int64, []byte) bool { total++; return true }
	find := func(offset int64, line []byte) bool {
		at = offset
		if passed == total-n {
			return false
		}
		passed++
		at += int64(len(line))
		return true
	}
	err = p.eachLine(count)
	if err != nil || total <= n {
		return 0, total, err
	}
	return at, n, p.eachLine(find)
}

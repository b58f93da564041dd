package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"respawner/watch/safepath"
)

// flushSize is how many bytes of lines are gathered for one write.
const flushSize = 16 << 10

// outputFile keeps a program's lines, each behind its time, in a file of
// bounded size. What was in it before stands, compressed, beside it in files
// whose names have the time in them (rotated.go).
//
// It is written here because natefinch/lumberjack counts in whole megabytes,
// truncates, does not append to what it opens anew, and overwrites the older of
// two files that are rotated within one millisecond.
type outputFile struct {
	path  string
	limit int64 // in bytes; 0: none
	keep  int   // rotated files

	file    *os.File
	size    int64
	torn    bool // it ends within a line, since a write failed
	text    []byte
	stamp   []byte
	packing *packing
}

// openOutputFile opens a file to append to it. The error says what is wrong
// with the path.
func openOutputFile(path string, limit int64, keep int) (*outputFile, error) {
	f := &outputFile{path: path, limit: limit, keep: keep}
	return f, f.Reopen()
}

// goOnWriting does what openOutputFile does, with a descriptor that an earlier binary had open.
func goOnWriting(path string, limit int64, keep, fd int) (*outputFile, error) {
	syscall.CloseOnExec(fd)
	file := os.NewFile(uintptr(fd), path)
	info, err := file.Stat()
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return &outputFile{path: path, limit: limit, keep: keep, file: file, size: info.Size()}, nil
}

// Reopen implements watch.Sink. When it fails, the open file is kept.
func (f *outputFile) Reopen() error {
	file, size, err := openRegular(f.path)
	if err != nil {
		return err
	}
	return f.goOn(file, size)
}

// goOn writes to another file from now on.
func (f *outputFile) goOn(file *os.File, size int64) (err error) {
	if f.file != nil {
		err = f.file.Close()
	}
	f.file, f.size, f.torn = file, size, false
	return err
}

// Write implements watch.Sink. A file that can't be rotated grows.
func (f *outputFile) Write(at time.Time, lines [][]byte) (kept int, err error) {
	f.stamp = at.Local().AppendFormat(f.stamp[:0], stampLayout+" ")
	flush := func() {
		n, e := f.flush()
		kept, err = kept+n, errors.Join(err, e)
	}
	for _, line := range lines {
		length := len(f.stamp) + len(line) + 1
		if f.isFull(length) {
			flush()
			err = errors.Join(err, f.rotate(at, length))
		}
		if f.torn && len(f.text) == 0 {
			f.text = append(f.text, '\n')
		}
		f.text = append(append(append(f.text, f.stamp...), line...), '\n')
		if len(f.text) >= flushSize {
			flush()
		}
	}
	flush()
	return kept, err
}

func (f *outputFile) isFull(more int) bool {
	size := f.size + int64(len(f.text))
	return f.limit > 0 && size > 0 && size+int64(more) > f.limit
}

// flush writes the gathered lines, and returns how many they are.
func (f *outputFile) flush() (kept int, err error) {
	if len(f.text) == 0 {
		return 0, nil
	}
	if f.file == nil { // it could not be opened; its disk may be back
		if err := f.Reopen(); err != nil {
			f.text = f.text[:0]
			return 0, err
		}
	}
	n, err := f.file.Write(f.text)
	kept = bytes.Count(f.text[:n], []byte{'\n'})
	if f.torn && n > 0 {
		kept--
	}
	if n > 0 {
		f.torn = f.text[n-1] != '\n'
	}
	f.size += int64(n)
	f.text = f.text[:0]
	return kept, err
}

// rotate puts the full file aside and begins a new one.
func (f *outputFile) rotate(now time.Time, more int) error {
	info, err := f.file.Stat()
	if err != nil {
		return err
	}
	if f.size = info.Size(); !f.isFull(more) { // another process has truncated it
		return nil
	}
	if f.keep == 0 {
		f.size = 0
		return f.file.Truncate(0)
	}
	err = f.packing.wait()
	f.packing = nil
	if e := f.putAside(now); e != nil {
		f.size = 0 // not again with each line
		return errors.Join(err, fmt.Errorf("rotate %s: %w", f.path, e))
	}
	plain, e := prune(f.path, f.keep)
	f.packing = pack(plain)
	return errors.Join(err, e)
}

// putAside renames the file and opens a new one, or else leaves all as it was.
func (f *outputFile) putAside(now time.Time) error {
	name, err := rotatedName(f.path, now)
	if err != nil {
		return err
	}
	err = safepath.Rename(f.path, filepath.Base(name))
	moved := err == nil
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	file, size, err := openRegular(f.path)
	if err != nil && moved {
		err = errors.Join(err, safepath.Rename(name, filepath.Base(f.path)))
	}
	if err != nil {
		return err
	}
	return f.goOn(file, size)
}

// Close implements watch.Sink. Files that are being compressed stay as they
// are until the next is rotated.
func (f *outputFile) Close() error {
	err := f.packing.stop()
	if f.file != nil {
		err = errors.Join(err, f.file.Close())
	}
	return err
}

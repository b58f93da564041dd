package main

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"respawner/watch/safepath"
)

// A rotated file is NAME.log.20261123T224549.123Z, and with .gz behind that
// when it has been compressed. Its name never changes otherwise and is greater
// than those of older ones, so that a reader can't mistake one for another.
const (
	rotatedLayout = "20060102T150405.000Z"
	packedSuffix  = ".gz"
	packingSuffix = ".gz.part"
)

// rotated is a file that was rotated.
type rotated struct {
	path   string // without .gz
	packed bool
}

func (r rotated) file() string {
	if r.packed {
		return r.path + packedSuffix
	}
	return r.path
}

// rotatedFiles are those of a log file, the oldest first. One that is there both
// plain and compressed was about to be removed, and counts as plain.
func rotatedFiles(path string) ([]rotated, error) {
	entries, err := safepath.ReadDir(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	var all []rotated
	for _, e := range entries {
		stamp, ours := strings.CutPrefix(e.Name(), filepath.Base(path)+".")
		stamp, packed := strings.CutSuffix(stamp, packedSuffix)
		if _, err := time.Parse(rotatedLayout, stamp); !ours || err != nil || !e.Type().IsRegular() {
			continue
		}
		r := rotated{path + "." + stamp, packed}
		if n := len(all); n > 0 && all[n-1].path == r.path {
			continue // entries are sorted: the plain one comes first
		}
		all = append(all, r)
	}
	return all, nil
}

// rotatedName is the name for a file that is rotated now; clocks may jump, and
// milliseconds be too long.
func rotatedName(path string, now time.Time) (string, error) {
	all, err := rotatedFiles(path)
	if err != nil {
		return "", err
	}
	name := path + "." + now.UTC().Format(rotatedLayout)
	if len(all) > 0 && name <= all[len(all)-1].path {
		last, err := time.Parse(rotatedLayout, strings.TrimPrefix(all[len(all)-1].path, path+"."))
		return path + "." + last.Add(time.Millisecond).Format(rotatedLayout), err
	}
	return name, nil
}

// removeLog removes a log file and those that were rotated of it.
func removeLog(path string) error {
	all, err := rotatedFiles(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	files := []string{path}
	for _, r := range all {
		files = append(files, r.path, r.path+packedSuffix, r.path+packingSuffix)
	}
	for _, file := range files {
		err = errors.Join(err, removeIfThere(file))
	}
	return err
}

// prune removes all rotated files but the newest. It returns those of them that
// are still to be compressed.
func prune(path string, keep int) (plain []string, err error) {
	all, err := rotatedFiles(path)
	for len(all) > keep {
		err = errors.Join(err, removeIfThere(all[0].path), removeIfThere(all[0].path+packedSuffix))
		all = all[1:]
	}
	for _, r := range all {
		if !r.packed {
			plain = append(plain, r.path)
		}
	}
	return plain, err
}

func removeIfThere(path string) error {
	if err := safepath.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// packing compresses files, on a goroutine of its own since large ones take a
// while.
type packing struct {
	broken chan struct{}
	done   chan error
}

func pack(paths []string) *packing {
	p := &packing{make(chan struct{}), make(chan error, 1)}
	go func() {
		var errs []error
		for _, path := range paths {
			errs = append(errs, p.pack(path))
		}
		debug.FreeOSMemory() // the compressor has needed as much as the rest of a supervisor
		p.done <- errors.Join(errs...)
	}()
	return p
}

// wait waits until all are compressed; its error tells which are not.
func (p *packing) wait() error {
	if p == nil {
		return nil
	}
	return <-p.done
}

var errBroken = errors.New("broken off")

// stop breaks it off.
func (p *packing) stop() error {
	if p == nil {
		return nil
	}
	close(p.broken)
	if err := <-p.done; !errors.Is(err, errBroken) {
		return err
	}
	return nil
}

// pack makes path.gz of path.
func (p *packing) pack(path string) error {
	part := path + packingSuffix
	err := removeIfThere(part)
	if err == nil {
		err = p.write(path, part)
	}
	if err == nil {
		err = safepath.Rename(part, filepath.Base(path)+packedSuffix)
	}
	if err != nil {
		return fmt.Errorf("compress %s: %w", path, errors.Join(err, removeIfThere(part)))
	}
	return safepath.Remove(path)
}

func (p *packing) write(from, to string) error {
	in, err := safepath.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	if info.Sys().(*syscall.Stat_t).Nlink > 1 { // whose mode and group may be meant for another folder
		return errors.New("it has a second name (a hard link)")
	}
	out, err := safepath.Create(to, info.Mode())
	if err != nil {
		return err
	}
	z := gzip.NewWriter(out)
	_, err = io.Copy(z, breakable{in, p.broken})
	return errors.Join(err, z.Close(), out.Close())
}

// breakable is a reader that can be told to end.
type breakable struct {
	io.Reader
	broken <-chan struct{}
}

func (b breakable) Read(buf []byte) (int, error) {
	select {
	case <-b.broken:
		return 0, errBroken
	default:
		return b.Reader.Read(buf)
	}
}

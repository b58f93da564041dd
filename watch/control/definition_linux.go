package control

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Definition is what a service is: the command, and all that it is run with. It is written when the
// service is started, and is there until the service is forgotten.
type Definition struct {
	Program string   `json:"program"` // the file's absolute path
	Args    []string `json:"args"`    // the program's own, without its name

	// Options are those of start that are in force, given or by default: "name=value", or "name" for
	// a switch.
	Options []string `json:"options"`

	Dir string   `json:"dir"` // the folder that it is started in
	Env []string `json:"env"`
}

// ErrDefinition is the error for a definition that makes no sense, or that another user could
// have written.
var ErrDefinition = errors.New("not to be started from")

// definitionFile is the one place of a service's definition.
func definitionFile(name string) string { return name + ".command" }

// WriteDefinition writes the definition of the service. Only the owner can read it, since there may be
// secrets in the environment.
func (c *Claim) WriteDefinition(def Definition) error {
	c.command = Line(def)
	return c.dir.replace(definitionFile(c.name), c.command, 0o600)
}

// Definition returns the definition that a service was last started with. The error is fs.ErrNotExist where
// none was written, and wraps ErrDefinition or ErrUntrusted where it must not be run.
func (d *Dir) Definition(name string) (Definition, error) {
	var def Definition
	d = d.of(name)
	if !d.contains(definitionFile(name)) {
		d = d.awaitBack(name, definitionFile(name))
	}
	err := d.Trust()
	var text []byte
	if err == nil {
		text, err = d.readOwn(definitionFile(name))
	}
	if err == nil {
		err = json.Unmarshal(text, &def)
	}
	if err == nil {
		err = def.check()
	}
	if err != nil {
		return Definition{}, fmt.Errorf("how %s was started: %w", name, err)
	}
	return def, nil
}

func (def Definition) check() error {
	texts := slices.Concat([]string{def.Program, def.Dir}, def.Args, def.Options, def.Env)
	switch {
	case !filepath.IsAbs(def.Program) || !filepath.IsAbs(def.Dir):
		return fmt.Errorf("%w: there is no command in it", ErrDefinition)
	case slices.Contains(def.Options, ""):
		return fmt.Errorf("%w: an option without a name", ErrDefinition)
	case slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(text, "\x00") }):
		return fmt.Errorf("%w: there is a NUL in it", ErrDefinition)
	}
	return nil
}

// readOwn reads a regular file. It refuses a file that a user other than root and the supervisor's can have written.
func (d *Dir) readOwn(name string) ([]byte, error) {
	f, err := d.open(name, unix.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return nil, os.NewSyscallError("fstat "+name, err)
	}
	ours := st.Uid == 0 || int(st.Uid) == os.Geteuid()
	if st.Mode&unix.S_IFMT != unix.S_IFREG || !ours || st.Mode&0o022 != 0 {
		return nil, fmt.Errorf("%w: %s is no file that only its owner can write, and that is root's or yours", ErrDefinition, filepath.Join(d.path, name))
	}
	return io.ReadAll(io.LimitReader(f, maxFile))
}

// Knows reports whether a service was started here and has not been forgotten, whether it runs or not.
func (d *Dir) Knows(name string) (bool, error) {
	f := d.of(name)
	for _, suffix := range knownBy() {
		known, err := f.has(name + suffix)
		if known || err != nil {
			return known, err
		}
	}
	presence, _, err := d.Presence(name) // its supervisor may be about to put its files back
	return presence != Absent, err
}

// knownBy returns the files that each show that a service is known: those that its supervisor holds, its last words,
// and its definition.
func knownBy() []string { return []string{".lock", ".json", definitionFile("")} }

// has reports whether there is a file with a name.
func (d *Dir) has(name string) (bool, error) {
	var st unix.Stat_t
	err := unix.Fstatat(int(d.file.Fd()), name, &st, unix.AT_SYMLINK_NOFOLLOW)
	if err != nil && err != unix.ENOENT {
		return false, &os.PathError{Op: "stat", Path: filepath.Join(d.path, name), Err: err}
	}
	return err == nil, nil
}

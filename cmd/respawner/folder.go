package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// folderEnv tells a supervisor in which folder it was called: the one that runs
// in the background, and the one that goes on as another binary. The folder may
// have been moved or removed meanwhile. The program does not get the variable.
const folderEnv = "RESPAWNER_FOLDER"

// calledIn returns the folder that the user called respawner in, as the shell
// names it: $PWD if that leads to the working directory, so a link that leads
// elsewhere by now is followed anew.
func calledIn() (string, error) {
	if dir := os.Getenv(folderEnv); filepath.IsAbs(dir) {
		return dir, nil
	}
	return os.Getwd()
}

// workFolder returns the folder that the program is to run in, to be looked up
// at each start. It is empty where the folder has no name for this user: then
// the program inherits it.
func workFolder() (string, error) {
	if dir := os.Getenv(folderEnv); filepath.IsAbs(dir) {
		return dir, nil
	}
	if isRemoved(".") {
		return "", exitError{code: exitFailure, msg: "the folder that you are in, " + os.Getenv("PWD") + ", was removed: cd to one that is there (or cd to it again)"}
	}
	dir, err := os.Getwd()
	if err == nil {
		_, err = os.Stat(dir + "/.")
	}
	if err != nil { // as with sudo -u, in a folder of root's
		return "", nil
	}
	return dir, nil
}

// findFolder finds the folder that the program is to run in, and keeps it for
// another binary in this process.
func (o *options) findFolder() (err error) {
	if o.Folder, err = workFolder(); err != nil {
		return err
	}
	return os.Setenv(folderEnv, o.Folder)
}

// isRemoved reports whether a folder that is open has no name any more.
func isRemoved(dir string) bool {
	var st syscall.Stat_t
	err := syscall.Stat(dir, &st)
	return errors.Is(err, fs.ErrNotExist) || err == nil && st.Nlink == 0
}

// inFolder makes a path absolute. What it leads to is left to the kernel: behind
// a link ".." is not the folder that the link is in.
func inFolder(path string) (string, error) {
	if !filepath.IsAbs(path) {
		dir, err := calledIn()
		if err != nil {
			return "", err
		}
		path = dir + "/" + path
	}
	if slices.Contains(strings.Split(path, "/"), "..") {
		return path, nil
	}
	return filepath.Clean(path), nil
}

// without returns an environment without a variable.
func without(env []string, name string) []string {
	return slices.DeleteFunc(slices.Clone(env), func(v string) bool { return strings.HasPrefix(v, name+"=") })
}

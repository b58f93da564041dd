package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// child is a process that we start ourselves: a load, or what respawner is compared with.
type child struct {
	*exec.Cmd
}

// command is a program that is out of reach of the terminal's ctrl-C, which is for us alone, and that ends with us.
func command(program string, args ...string) *exec.Cmd {
	c := exec.Command(program, args...)
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	return c
}

func startChild(program string, args ...string) (*child, error) {
	c := &child{command(program, args...)}
	if err := c.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", program, err)
	}
	return c, nil
}

func (c *child) end() error {
	if err := c.Process.Kill(); err != nil {
		return err
	}
	_ = c.Wait() // says that it was killed
	return nil
}

// kill is kill -9; os.Process sees to it that the pid is not given away meanwhile.
func kill(pid int) error {
	p, err := os.FindProcess(pid)
	if err != nil {
		return err
	}
	return errors.Join(p.Kill(), p.Release())
}

// killAndWait is kill -9 of one that is no child of ours; it returns when the process is gone, and its locks with it.
func killAndWait(pid int) error {
	p, err := os.FindProcess(pid)
	if err != nil {
		return err
	}
	if err := p.Kill(); err != nil {
		return errors.Join(err, p.Release())
	}
	var waited error
	err = p.WithHandle(func(pidfd uintptr) { waited = await(int32(pidfd)) })
	return errors.Join(err, waited, p.Release())
}

// await waits until a descriptor is readable.
func await(fd int32) error {
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: fd, Events: unix.POLLIN}}, int(patience.Milliseconds()))
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return os.NewSyscallError("poll", err)
		case n == 0:
			return errors.New("it does not end")
		default:
			return nil
		}
	}
}

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
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

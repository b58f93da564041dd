package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"respawner/test/kernels/plan"
)

// machine is a virtual machine.
type machine struct {
	kernel, image string
	dir           string // of its logs
	limit         time.Duration
}

// boot runs a machine to its end. An error means that the guest has not come to the end of its plan.
func boot(ctx context.Context, m machine) (*report, error) {
	ctx, cancel := context.WithTimeout(ctx, m.limit)
	defer cancel()
	cmd := m.command(ctx)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	var errs bytes.Buffer
	cmd.Stderr = &errs
	fmt.Println("booting", m.kernel)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	r, err := m.listen(out)
	if err != nil {
		cancel()
	}
	err = errors.Join(err, cmd.Wait())
	if err == nil && !r.done {
		err = errors.New("the machine has ended early")
	}
	if err != nil {
		err = fmt.Errorf("%w, see %s\n%s", err, m.console(), errs.Bytes())
	}
	return r, err
}

func (m machine) console() string { return filepath.Join(m.dir, "console") }

// command is QEMU: the kernel's console goes into a file, what the guest tells to its stdout.
func (m machine) command(ctx context.Context) *exec.Cmd {
	return m.qemu(ctx, accelerator(ctx, m), "-serial", "file:"+m.console(), "-initrd", m.image,
		"-chardev", "stdio,id=results,signal=off", "-serial", "chardev:results")
}

func (m machine) qemu(ctx context.Context, accelerator []string, more ...string) *exec.Cmd {
	args := append([]string{"nice", "-n", "10", "qemu-system-x86_64"}, accelerator...)
	args = append(args, "-smp", "2", "-m", "2G", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
		"-kernel", m.kernel, "-append", "console=ttyS0 panic=-1")
	return command(ctx, append(args, more...)...)
}

// accelerator is KVM if it works, which more than /dev/kvm has to tell: without a root file system a kernel ends at once.
// (-cx16: the kernel's allocator would use cmpxchg16b, which is slow when it is emulated.)
func accelerator(ctx context.Context, m machine) []string {
	kvm := []string{"-accel", "kvm", "-cpu", "max"}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	if err := m.qemu(ctx, kvm).Run(); err != nil {
		return []string{"-accel", "tcg", "-cpu", "max,-cx16"}
	}
	return kvm
}

// listen takes what the guest tells, until it tells no more.
func (m machine) listen(from io.Reader) (*report, error) {
	log, err := os.Create(filepath.Join(m.dir, "log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	r := &report{log: log}
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var message plan.Message
		if err := json.Unmarshal(lines.Bytes(), &message); err != nil {
			return r, fmt.Errorf("the guest tells %q: %w", lines.Bytes(), err)
		}
		if err := r.take(message); err != nil {
			return r, err
		}
	}
	return r, lines.Err()
}

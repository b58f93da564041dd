package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"

	"respawner/test/kernels/plan"
)

// results is where Messages go.
var results = json.NewEncoder(os.Stdout)

func runPlan() error {
	text, err := os.ReadFile(plan.File)
	if err != nil {
		return err
	}
	var p plan.Plan
	if err := json.Unmarshal(text, &p); err != nil {
		return err
	}
	for _, account := range p.Accounts {
		if err := tellFacts(account); err != nil {
			return err
		}
		for _, suite := range p.Suites {
			fmt.Fprintf(os.Stderr, "guest: %s as %s\n", suite.Name, account.Name)
			if err := runSuite(account, suite); err != nil {
				return err
			}
		}
	}
	return results.Encode(plan.Message{Done: true})
}

// tellFacts has them found out by a process of that account.
func tellFacts(account plan.Account) error {
	cmd := exec.Command("/proc/self/exe", roleProbe)
	as(account, cmd)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("probe as %s: %w", account.Name, err)
	}
	var facts plan.Facts
	if err := json.Unmarshal(out, &facts); err != nil {
		return err
	}
	return results.Encode(plan.Message{Account: account.Name, Facts: &facts})
}

// runSuite sends each line that a suite writes, and how it ended. An error is ours, not the suite's.
func runSuite(account plan.Account, suite plan.Suite) error {
	m := plan.Message{Account: account.Name, Suite: suite.Name}
	began := time.Now()
	cmd := exec.Command(suite.Args[0], suite.Args[1:]...)
	cmd.Dir, cmd.Env = suite.Dir, append(os.Environ(), suite.Env...)
	as(account, cmd)
	r, w := io.Pipe()
	cmd.Stdout, cmd.Stderr = w, w
	sent := make(chan error)
	go func() { sent <- sendLines(m, r) }()
	end := plan.End{}
	if err := cmd.Run(); err != nil {
		end.Err = err.Error()
	}
	if err := w.Close(); err != nil {
		return err
	}
	if err := <-sent; err != nil {
		return err
	}
	end.Seconds = time.Since(began).Seconds()
	m.End = &end
	return results.Encode(m)
}

func sendLines(m plan.Message, r io.Reader) error {
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadString('\n')
		if line != "" {
			m.Line = line
			if err := results.Encode(m); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// as makes a command an account's.
func as(account plan.Account, cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: account.UID, Gid: account.UID}, Setsid: true}
}

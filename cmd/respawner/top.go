package main

import (
	"context"
	"errors"
	"syscall"
)

// top shows all services until the user has seen enough.
func top(o options) (err error) {
	dir, err := openRuntimeDir(o.RuntimeDir)
	if err != nil {
		return err
	}
	s, err := openScreen()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	ctx, cancel := interruptible(syscall.SIGHUP)
	defer cancel()
	msgs := make(chan any)
	tell := func(msg any) {
		select {
		case msgs <- msg:
		case <-ctx.Done():
		}
	}
	go s.tellKeys(tell)
	go s.tellSizes(tell)
	w := &topWatch{o: o, dir: dir, tell: tell}
	go w.run(ctx)
	return topLoop(ctx, s, msgs, topModel{where: o.RuntimeDir}, func(d topDo) { go w.do(ctx, d) })
}

// topLoop lets the model take in what happens, and shows what it has become.
func topLoop(ctx context.Context, s *screen, msgs <-chan any, m topModel, do func(topDo)) error {
	for {
		var todo []topDo
		select {
		case msg := <-msgs:
			m, todo = m.update(msg)
		case <-ctx.Done():
			return exitError{code: interruptCode(ctx, exitFailure)}
		}
		for _, d := range todo {
			switch d.what {
			case doQuit:
				return nil
			case doInterrupt:
				return exitError{code: interrupt{syscall.SIGINT}.code()}
			}
			do(d)
		}
		if m.width == 0 {
			continue // its size is told soon
		}
		if err := s.show(m.view(), m.width); err != nil {
			return err
		}
	}
}

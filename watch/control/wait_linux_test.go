package control

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Await sees a supervisor that is there, and one that comes.
func TestAwait(t *testing.T) {
	d, path := runtimeDir(t)
	awaited := make(chan error, 2)
	await := func() { awaited <- d.Await(context.Background(), "x") }
	go await()
	if err := os.WriteFile(filepath.Join(path, "y.lock"), nil, 0o600); err != nil { // another one's, and stale
		t.Fatal(err)
	}
	select {
	case err := <-awaited:
		t.Fatalf("did not wait: %v", err)
	default:
	}
	p := enter(t, "serve", path, "without-socket")
	p.hears("ready")
	if err := <-awaited; err != nil {
		t.Error(err)
	}
	go await()
	if err := <-awaited; err != nil {
		t.Error(err)
	}
	p.leave()
}

// AwaitDir waits for a directory, and for those above it.
func TestAwaitDir(t *testing.T) {
	path := filepath.Join(t.TempDir(), "not", "yet", "there")
	awaited := make(chan error, 1)
	go func() {
		d, err := AwaitDir(context.Background(), path)
		if err == nil {
			err = d.Close()
		}
		awaited <- err
	}()
	d, err := MakeDir(path)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if err := <-awaited; err != nil {
		t.Error(err)
	}
}

// A link that leads nowhere is waited for, and not asked for again and again.
func TestAwaitGivesUp(t *testing.T) {
	d, path := runtimeDir(t)
	if err := os.Symlink("nowhere", filepath.Join(path, "link")); err != nil {
		t.Fatal(err)
	}
	for name, await := range map[string]func(context.Context) error{
		"supervisor": func(ctx context.Context) error { return d.Await(ctx, "x") },
		"directory": func(ctx context.Context) error {
			_, err := AwaitDir(ctx, filepath.Join(path, "a", "b"))
			return err
		},
		"link": func(ctx context.Context) error {
			_, err := AwaitDir(ctx, filepath.Join(path, "link", "b"))
			return err
		},
	} {
		ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
		if err := await(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v", name, err)
		}
		cancel()
	}
}

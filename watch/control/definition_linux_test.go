package control

import (
	"errors"
	"io/fs"
	"os"
	"reflect"
	"testing"
)

// A definition stays when its supervisor ends, and goes when the service is forgotten, or when its first
// start has come to nothing.
func TestDefinitionStays(t *testing.T) {
	d, path := runtimeDir(t)
	def := Definition{Program: "/bin/x", Args: []string{"a"}, Options: []string{"n=1"}, Dir: "/", Env: []string{"A=b"}}
	claim := func(known bool) *Claim {
		t.Helper()
		c, err := d.Claim("x")
		if err == nil {
			err = c.WriteDefinition(def)
		}
		if err != nil || c.Known() != known {
			t.Fatalf("known before: %v, %v", c.Known(), err)
		}
		return c
	}
	left := func(want string, err error) {
		t.Helper()
		known, e := d.Knows("x")
		if got := list(t, path); got != want || known != (want != "") || err != nil || e != nil {
			t.Errorf("left behind: %q, not %q; known: %v; %v", got, want, known, errors.Join(err, e))
		}
	}
	left("", claim(false).Release(nil))
	left("x.command x.json", claim(false).Release(Unsupervised("x")))
	left("x.command", claim(true).Release(nil))
	if got, err := d.Definition("x"); err != nil || !reflect.DeepEqual(got, def) {
		t.Errorf("got %+v, %v", got, err)
	}
	left("x.command x.json", claim(true).Release(Unsupervised("x")))
	if err := os.WriteFile(path+"/x.history", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	left("", claim(true).Forget())
	if _, err := d.Definition("x"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("of what was forgotten: %v", err)
	}
}

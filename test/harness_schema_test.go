//go:build linux

package test

import (
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// schema is a part of docs/schema.json.
func schema(t *testing.T, part string) *jsonschema.Schema {
	t.Helper()
	compiled, err := answers()
	if err != nil {
		t.Fatalf("docs/schema.json: %v", err)
	}
	return compiled[part]
}

var answers = sync.OnceValues(func() (map[string]*jsonschema.Schema, error) {
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	compiled := map[string]*jsonschema.Schema{}
	for _, part := range []string{"service", "services", "histories", "event"} {
		s, err := c.Compile("../docs/schema.json#/$defs/" + part)
		if err != nil {
			return nil, err
		}
		compiled[part] = s
	}
	return compiled, nil
})

// validate holds what a command with --json has printed against docs/schema.json. A command
// line that is refused prints nothing.
func validate(t *testing.T, cmd *exec.Cmd, r result) {
	t.Helper()
	if cmd.Path != respawner || !slices.Contains(cmd.Args, "--json") || r.code == 2 && r.stdout == "" {
		return
	}
	part, lines := "service", []string{r.stdout}
	switch {
	case slices.Contains(cmd.Args, "events"):
		part, lines = "event", strings.Split(strings.TrimSuffix(r.stdout, "\n"), "\n")
	case slices.Contains(cmd.Args, "history"):
		part = "histories"
	case strings.HasPrefix(r.stdout, "["):
		part = "services"
	}
	for _, line := range lines {
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(line))
		if err == nil {
			err = schema(t, part).Validate(v)
		}
		if err != nil {
			t.Errorf("%q: not as docs/schema.json has it: %v\n%s", cmd.Args, err, line)
		}
	}
}

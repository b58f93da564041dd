package test

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Files that need each other both ways can't be read one after the other: so no
// function of these packages can be reached from itself by way of another file.
func TestKnots(t *testing.T) {
	for _, pkg := range []string{"respawner/watch", "respawner/watch/settle", "respawner/watch/spawn"} {
		fset, files, imports := parsed(t, pkg)
		for _, knot := range knots(graphOf(t, fset, files, imports), fset) {
			t.Errorf("functions of %s reach each other across files:\n\t%s", pkg, strings.Join(knot, "\n\t"))
		}
	}
}

func TestKnotsAreFound(t *testing.T) {
	fset := token.NewFileSet()
	var files []*ast.File
	for name, text := range map[string]string{
		"a.go": `package p; type door interface{ open() }; func enter(d door) { func() { d.open() }() }; func alone() { alone() }`,
		"b.go": `package p; type gate struct{}; func (g gate) open() { leave(g) }; var on = []func(door){enter}; func leave(g gate) { on[0](g) }`,
	} {
		file, err := parser.ParseFile(fset, name, text, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	want := [][]string{{"(gate).open (b.go) -> leave (b.go)", "enter (a.go) -> (gate).open (b.go)", "leave (b.go) -> on (b.go)", "on (b.go) -> enter (a.go)"}}
	if got := knots(graphOf(t, fset, files, nil), fset); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("it finds %q, want %q", got, want)
	}
}

// graph is the functions and the variables of a package, each with those that it may reach
// in one step.
type graph map[types.Object][]types.Object

// graphOf takes each function that is named in another one, or in the first value of a
// variable, for one that is called there. What else a value of a function's type is can't
// be seen from where it is called.
func graphOf(t *testing.T, fset *token.FileSet, files []*ast.File, imports types.Importer) graph {
	t.Helper()
	info := &types.Info{Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{}}
	conf := types.Config{Importer: imports}
	if _, err := conf.Check(files[0].Name.Name, fset, files, info); err != nil {
		t.Fatal(err)
	}
	g, bodies := graph{}, map[types.Object]ast.Node{}
	enter := func(name *ast.Ident, body ast.Node) {
		g[info.Defs[name]], bodies[info.Defs[name]] = nil, body
	}
	for _, file := range files {
		for _, decl := range file.Decls {
			switch d := decl.(type) {
			case *ast.FuncDecl:
				enter(d.Name, d)
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					if v, is := spec.(*ast.ValueSpec); is {
						for _, name := range v.Names {
							enter(name, v)
						}
					}
				}
			}
		}
	}
	for f, body := range bodies {
		for n := range ast.Preorder(body) {
			if id, is := n.(*ast.Ident); is && info.Uses[id] != nil {
				g[f] = append(g[f], g.meant(info.Uses[id])...)
			}
		}
	}
	return g
}

// meant returns what of the package a name can stand for: the one that has it, or for a
// method of an interface those of all types that have that.
func (g graph) meant(named types.Object) (all []types.Object) {
	f, is := named.(*types.Func)
	if is {
		named = f.Origin()
	}
	if _, ours := g[named]; ours {
		return []types.Object{named}
	}
	if !is || !types.IsInterface(receiver(f)) {
		return nil
	}
	door := receiver(f).Underlying().(*types.Interface)
	for m := range g {
		if r := receiver(m); m.Name() == f.Name() && r != types.Typ[types.Invalid] && types.Implements(r, door) {
			all = append(all, m)
		}
	}
	return all
}

// receiver returns the type of which something is a method, an invalid one if it is none.
func receiver(o types.Object) types.Type {
	if f, is := o.(*types.Func); is && f.Signature().Recv() != nil {
		return f.Signature().Recv().Type()
	}
	return types.Typ[types.Invalid]
}

// knots returns the sets of functions that reach each other and are not all in one file:
// of each function, with its file, what it calls of the others.
func knots(g graph, fset *token.FileSet) (all [][]string) {
	file := func(o types.Object) string { return filepath.Base(fset.Position(o.Pos()).Filename) }
	name := func(o types.Object) string {
		name := o.Name()
		if f, is := o.(*types.Func); is {
			name = strings.ReplaceAll(f.FullName(), f.Pkg().Path()+".", "")
		}
		return name + " (" + file(o) + ")"
	}
	for _, knot := range g.components() {
		if !slices.ContainsFunc(knot, func(f types.Object) bool { return file(f) != file(knot[0]) }) {
			continue
		}
		var lines []string
		for _, f := range knot {
			for _, called := range g[f] {
				if slices.Contains(knot, called) {
					lines = append(lines, name(f)+" -> "+name(called))
				}
			}
		}
		slices.Sort(lines)
		all = append(all, slices.Compact(lines))
	}
	return all
}

// components returns the strongly connected components (Tarjan).
func (g graph) components() (all [][]types.Object) {
	index, low := map[types.Object]int{}, map[types.Object]int{}
	var stack []types.Object
	var visit func(f types.Object)
	visit = func(f types.Object) {
		index[f] = len(index) + 1
		low[f] = index[f]
		first := len(stack)
		stack = append(stack, f)
		for _, called := range g[f] {
			if index[called] == 0 {
				visit(called)
				low[f] = min(low[f], low[called])
			} else if slices.Contains(stack, called) {
				low[f] = min(low[f], index[called])
			}
		}
		if low[f] == index[f] {
			all = append(all, slices.Clone(stack[first:]))
			stack = stack[:first]
		}
	}
	for f := range g {
		if index[f] == 0 {
			visit(f)
		}
	}
	return all
}

// parsed returns the files of a package, those of tests not, and what it imports.
func parsed(t *testing.T, pkg string) (*token.FileSet, []*ast.File, types.Importer) {
	t.Helper()
	out, err := exec.Command("go", "list", "-export", "-deps", "-json=ImportPath,Dir,GoFiles,Export", pkg).Output()
	if err != nil {
		t.Fatalf("go list -export %s: %v", pkg, err)
	}
	fset, exports := token.NewFileSet(), map[string]string{}
	var files []*ast.File
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p struct {
			ImportPath, Dir, Export string
			GoFiles                 []string
		}
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("go list: %v", err)
		}
		exports[p.ImportPath] = p.Export
		if p.ImportPath != pkg {
			continue
		}
		for _, name := range p.GoFiles {
			file, err := parser.ParseFile(fset, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, file)
		}
	}
	return fset, files, importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) })
}

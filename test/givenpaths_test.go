package test

import (
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"go/types"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// safepath is the package that opens, creates, renames and removes by a path that
// was given. No other one does: the paths of all others are constants, or of the
// kernel's own file systems.
const safepath = "respawner/watch/safepath"

func TestGivenPaths(t *testing.T) {
	out, err := exec.Command("go", "list", "respawner/procconn", "respawner/timer", "respawner/watch/...", "respawner/cmd/...").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, pkg := range strings.Fields(string(out)) {
		if pkg == safepath {
			continue
		}
		fset, files, imports := parsed(t, pkg)
		for _, use := range givenPaths(t, fset, files, imports) {
			t.Errorf("%s: a path that was given is for package safepath", use)
		}
	}
}

func TestGivenPathsAreFound(t *testing.T) {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "p.go", `package p
import ("fmt"; "os"; "syscall")
type given struct { path string }
func (g given) proc(pid int) string { return fmt.Sprintf("/proc/%d/stat", pid) }
func good(pid int, g given) {
	os.Open("/etc/passwd")
	os.Remove(fmt.Sprintf("/proc/%d", pid))
	os.Create("/sys/" + g.path)
	dir := "/proc/" + fmt.Sprint(pid)
	os.ReadDir(dir)
	os.ReadFile(g.proc(pid))
	os.ReadFile(fmt.Sprintf("%s/%d", dir, pid))
	read("/proc/self/stat")
}
func read(path string) { readMore(path) }
func readMore(path string) { syscall.Open(path, 0, 0) }
func bad(g given, other string) {
	os.Open(g.path)
	os.Rename("/etc/passwd", g.path)
	os.Remove("/tmp/" + g.path)
	at := "/proc/self"
	at = g.path
	os.ReadFile(at)
	read(g.path)
	open := os.Open
	open("/etc/passwd")
}
func worse(g given, other string) { read(other) }
func worst(g given) { worse(g, g.path) }
`, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	_, _, imports := parsed(t, "respawner/watch/control")
	want := []string{"p.go:18:2", "p.go:19:2", "p.go:20:2", "p.go:23:2", "p.go:24:2", "p.go:25:13", "p.go:29:23"}
	if got := givenPaths(t, fset, []*ast.File{file}, imports); !slices.Equal(got, want) {
		t.Errorf("found at %q, not %q", got, want)
	}
}

// openers are the functions of os, syscall and x/sys/unix that do something to a file
// by its path, and which of their arguments are paths. To look at it (stat) is no harm.
var openers = map[string][]int{
	"Open": {0}, "OpenFile": {0}, "Create": {0}, "ReadFile": {0}, "WriteFile": {0}, "ReadDir": {0}, "DirFS": {0}, "OpenRoot": {0},
	"Remove": {0}, "RemoveAll": {0}, "Unlink": {0}, "Rmdir": {0}, "Rename": {0, 1}, "Link": {0, 1}, "Symlink": {1},
	"Mkdir": {0}, "MkdirAll": {0}, "MkdirTemp": {0}, "CreateTemp": {0}, "Mkfifo": {0}, "Mknod": {0}, "Creat": {0},
	"Truncate": {0}, "Chmod": {0}, "Chown": {0}, "Lchown": {0}, "Chtimes": {0}, "Utimes": {0}, "Mount": {1}, "Unmount": {0},
	"Setxattr": {0}, "Lsetxattr": {0},
}

// openersAt are those by an open folder, and which of their arguments are folders: any but
// a constant, which would be the current one.
var openersAt = map[string][]int{
	"Openat": {0}, "Openat2": {0}, "Unlinkat": {0}, "Renameat": {0, 2}, "Renameat2": {0, 2}, "Mkdirat": {0}, "Fchmodat": {0},
	"Fchownat": {0}, "Linkat": {0, 2}, "Mkfifoat": {0}, "Mknodat": {0}, "Symlinkat": {1},
}

// isSystem reports whether a function is of a package that has openers.
func isSystem(f *types.Func) bool {
	return f.Pkg() != nil && f.Signature().Recv() == nil &&
		slices.Contains([]string{"os", "syscall", "golang.org/x/sys/unix"}, f.Pkg().Path())
}

// tracer looks for paths that were given.
type tracer struct {
	fset    *token.FileSet
	files   []*ast.File
	info    *types.Info
	relay   map[*types.Func][]int // functions of the package that hand a parameter to an opener
	returns map[types.Object]ast.Expr
}

// givenPaths returns where a package does something to a file by a path that was
// given. A function that only hands on its parameter is an opener itself.
func givenPaths(t *testing.T, fset *token.FileSet, files []*ast.File, imports types.Importer) (uses []string) {
	t.Helper()
	info := &types.Info{
		Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{},
		Types: map[ast.Expr]types.TypeAndValue{}, Selections: map[*ast.SelectorExpr]*types.Selection{},
	}
	conf := types.Config{Importer: imports}
	if _, err := conf.Check(files[0].Name.Name, fset, files, info); err != nil {
		t.Fatal(err)
	}
	tr := &tracer{fset, files, info, map[*types.Func][]int{}, map[types.Object]ast.Expr{}}
	tr.eachFunc(func(f *types.Func, d *ast.FuncDecl) {
		if d.Body != nil && len(d.Body.List) == 1 {
			if r, is := d.Body.List[0].(*ast.ReturnStmt); is && len(r.Results) == 1 {
				tr.returns[f] = r.Results[0]
			}
		}
	})
	for again := true; again; {
		uses, again = tr.look()
	}
	slices.Sort(uses)
	return slices.Compact(uses)
}

func (tr *tracer) eachFunc(do func(f *types.Func, d *ast.FuncDecl)) {
	for _, file := range tr.files {
		for _, decl := range file.Decls {
			if d, is := decl.(*ast.FuncDecl); is {
				do(tr.info.Defs[d.Name].(*types.Func), d)
			}
		}
	}
}

// look finds uses; again says that another function has turned out to be a relay.
func (tr *tracer) look() (uses []string, again bool) {
	called := map[*ast.Ident]bool{}
	tr.eachFunc(func(f *types.Func, d *ast.FuncDecl) {
		for n := range ast.Preorder(d) {
			call, is := n.(*ast.CallExpr)
			if !is {
				continue
			}
			id := calledBy(call.Fun)
			opener, _ := tr.info.Uses[id].(*types.Func)
			if opener == nil {
				continue
			}
			called[id] = true
			given, handed := tr.argsOf(f, d, call, opener)
			if given {
				uses = append(uses, tr.at(call))
			}
			for _, i := range handed {
				if !slices.Contains(tr.relay[f], i) {
					tr.relay[f], again = append(tr.relay[f], i), true
				}
			}
		}
	})
	for id, o := range tr.info.Uses {
		if f, is := o.(*types.Func); is && !called[id] {
			if isSystem(f) && (openers[f.Name()] != nil || openersAt[f.Name()] != nil) {
				uses = append(uses, tr.at(id)) // as a value: nothing is known of its calls
			}
		}
	}
	return uses, again
}

func (tr *tracer) at(n ast.Node) string {
	p := tr.fset.Position(n.Pos())
	return p.String()[strings.LastIndexByte(p.String(), '/')+1:]
}

func calledBy(fun ast.Expr) *ast.Ident {
	switch f := fun.(type) {
	case *ast.Ident:
		return f
	case *ast.SelectorExpr:
		return f.Sel
	}
	return nil
}

// argsOf reports whether a path in a call was given, and which of the function's
// own parameters are handed on as one.
func (tr *tracer) argsOf(f *types.Func, d *ast.FuncDecl, call *ast.CallExpr, opener *types.Func) (given bool, handed []int) {
	paths := tr.relay[opener]
	if isSystem(opener) {
		paths = openers[opener.Name()]
		for _, i := range openersAt[opener.Name()] {
			given = given || tr.info.Types[call.Args[i]].Value != nil
		}
	}
	for _, i := range paths {
		param := tr.paramOf(f, call.Args[i])
		switch {
		case param >= 0 && !ast.IsExported(f.Name()):
			handed = append(handed, param)
		case !tr.isKernels(d, call.Args[i]):
			given = true
		}
	}
	return given, handed
}

// paramOf returns which parameter of a function an expression is, -1 for none.
func (tr *tracer) paramOf(f *types.Func, e ast.Expr) int {
	id, is := e.(*ast.Ident)
	for i := 0; is && i < f.Signature().Params().Len(); i++ {
		if tr.info.Uses[id] == f.Signature().Params().At(i) {
			return i
		}
	}
	return -1
}

// isKernels reports whether a path is a constant, or begins with one of the
// kernel's own file systems.
func (tr *tracer) isKernels(d *ast.FuncDecl, e ast.Expr) bool {
	if tr.info.Types[e].Value != nil {
		return true
	}
	switch e := e.(type) {
	case *ast.ParenExpr:
		return tr.isKernels(d, e.X)
	case *ast.BinaryExpr:
		return tr.begins(e.X, "/proc/", "/sys/") || tr.info.Types[e.X].Value == nil && tr.isKernels(d, e.X)
	case *ast.CallExpr:
		f := tr.info.Uses[calledBy(e.Fun)]
		if f != nil && f.Name() == "Sprintf" {
			return tr.begins(e.Args[0], "/proc/", "/sys/") || tr.begins(e.Args[0], "%s/") && tr.isKernels(d, e.Args[1])
		}
		return tr.returns[f] != nil && tr.isKernels(nil, tr.returns[f])
	case *ast.Ident:
		return d != nil && tr.isAssignedKernels(d, tr.info.Uses[e])
	}
	return false
}

// begins reports whether a constant begins with one of some texts.
func (tr *tracer) begins(e ast.Expr, texts ...string) bool {
	v := tr.info.Types[e].Value
	return v != nil && v.Kind() == constant.String &&
		slices.ContainsFunc(texts, func(text string) bool { return strings.HasPrefix(constant.StringVal(v), text) })
}

// isAssignedKernels reports whether all that a variable of a function is given is
// such a path.
func (tr *tracer) isAssignedKernels(d *ast.FuncDecl, v types.Object) (all bool) {
	for n := range ast.Preorder(d) {
		a, is := n.(*ast.AssignStmt)
		if !is || len(a.Lhs) != len(a.Rhs) {
			continue
		}
		for i, left := range a.Lhs {
			if id, is := left.(*ast.Ident); is && (tr.info.Defs[id] == v || tr.info.Uses[id] == v) {
				if !tr.isKernels(nil, a.Rhs[i]) {
					return false
				}
				all = true
			}
		}
	}
	return all
}

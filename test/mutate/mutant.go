package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// mutant is one change of one file.
type mutant struct {
	file  string
	where string // the function, or the name of the file where it is in none
	old   string // the text of the first line that is changed, and what becomes of it
	new   string
	text  []byte // of the whole file
}

// String names a mutant by what it is, so that it keeps its name when lines are added above it.
func (m mutant) String() string {
	return strings.TrimSpace(fmt.Sprintf("%s: %s => %s", m.where, m.old, m.new))
}

// mutantsOf are all mutants of a package's files, without the tests.
func mutantsOf(dir string) ([]mutant, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	var all []mutant
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		some, err := mutantsOfFile(file, text)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("nothing to change in %s", dir)
	}
	count(all)
	return all, nil
}

// count tells those apart that have the same name.
func count(all []mutant) {
	seen := map[string]int{}
	for i := range all {
		m := &all[i]
		name := m.String()
		if seen[name]++; seen[name] > 1 {
			m.new = strings.TrimSpace(fmt.Sprintf("%s (%d)", m.new, seen[name]))
		}
	}
}

func mutantsOfFile(file string, text []byte) ([]mutant, error) {
	set := token.NewFileSet()
	tree, err := parser.ParseFile(set, file, text, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	b := breeder{file: file, text: text, base: set.File(tree.Pos()).Base()}
	for _, decl := range tree.Decls {
		b.where = filepath.Base(file)
		if f, ok := decl.(*ast.FuncDecl); ok {
			b.where = f.Name.Name
		}
		if g, ok := decl.(*ast.GenDecl); !ok || g.Tok == token.VAR || g.Tok == token.CONST {
			ast.Inspect(decl, b.breed)
		}
	}
	return b.all, nil
}

// breeder makes the mutants of a file.
type breeder struct {
	file, where string
	text        []byte
	base        int
	all         []mutant
}

// edit makes a mutant in which a part of the file is something else.
func (b *breeder) edit(from, to token.Pos, with string) {
	start, end := int(from)-b.base, int(to)-b.base
	text := slices.Concat(b.text[:start], []byte(with), b.text[end:])
	first := bytes.LastIndexByte(b.text[:start], '\n') + 1
	line := func(text []byte) string {
		before, _, _ := bytes.Cut(text[first:], []byte("\n"))
		return strings.TrimSpace(string(before))
	}
	m := mutant{b.file, b.where, line(b.text), line(text), text}
	if bytes.ContainsRune(b.text[start:end], '\n') {
		m.new = "(removed)" // what follows has moved up
	}
	b.all = append(b.all, m)
}

func (b *breeder) replace(n ast.Node, with string) { b.edit(n.Pos(), n.End(), with) }

func (b *breeder) negate(e ast.Expr) {
	if op, ok := e.(*ast.BinaryExpr); ok && len(operators[op.Op]) > 0 && op.Op != token.LAND && op.Op != token.LOR {
		return // its operator is changed, which is the same
	}
	b.replace(e, "!("+string(b.text[int(e.Pos())-b.base:int(e.End())-b.base])+")")
}

// operators are what an operator may become.
var operators = map[token.Token][]token.Token{
	token.EQL: {token.NEQ}, token.NEQ: {token.EQL},
	token.LSS: {token.LEQ, token.GEQ}, token.LEQ: {token.LSS, token.GTR},
	token.GTR: {token.GEQ, token.LEQ}, token.GEQ: {token.GTR, token.LSS},
	token.LAND: {token.LOR}, token.LOR: {token.LAND},
	token.ADD: {token.SUB}, token.SUB: {token.ADD}, token.MUL: {token.QUO}, token.QUO: {token.MUL},
	token.ADD_ASSIGN: {token.SUB_ASSIGN, token.ASSIGN}, token.SUB_ASSIGN: {token.ADD_ASSIGN},
	token.INC: {token.DEC}, token.DEC: {token.INC},
}

func (b *breeder) operator(at token.Pos, op token.Token) {
	for _, other := range operators[op] {
		b.edit(at, at+token.Pos(len(op.String())), other.String())
	}
}

// breed makes the mutants that a node itself gives rise to.
func (b *breeder) breed(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.BinaryExpr:
		b.operator(n.OpPos, n.Op)
	case *ast.IfStmt:
		b.negate(n.Cond)
	case *ast.UnaryExpr:
		if n.Op == token.NOT {
			b.edit(n.OpPos, n.X.Pos(), "")
		}
	case *ast.SwitchStmt:
		b.cases(n)
	case *ast.ForStmt:
		if n.Cond != nil {
			b.negate(n.Cond)
		}
	case *ast.BasicLit:
		b.literal(n)
	case *ast.Ident:
		if with, ok := map[string]string{"true": "false", "false": "true", "min": "max", "max": "min"}[n.Name]; ok {
			b.replace(n, with)
		}
	case *ast.CompositeLit:
		b.elements(n)
	case ast.Stmt:
		b.statement(n)
	}
	return true
}

// cases negates those of a switch without a value.
func (b *breeder) cases(n *ast.SwitchStmt) {
	for _, c := range n.Body.List {
		for _, e := range c.(*ast.CaseClause).List {
			if n.Tag == nil {
				b.negate(e)
			}
		}
	}
}

func (b *breeder) literal(n *ast.BasicLit) {
	switch n.Kind {
	case token.STRING:
		if n.Value != `""` {
			b.replace(n, `""`)
		}
	case token.INT:
		if v, err := strconv.Atoi(n.Value); err == nil {
			b.replace(n, strconv.Itoa(v+1))
		}
	}
}

// elements leaves out what is given to a field or a key.
func (b *breeder) elements(n *ast.CompositeLit) {
	for i, e := range n.Elts {
		if _, ok := e.(*ast.KeyValueExpr); !ok {
			continue
		}
		end := e.End()
		if i+1 < len(n.Elts) {
			end = n.Elts[i+1].Pos()
		}
		b.edit(e.Pos(), end, "")
	}
}

// statement leaves out one that does something.
func (b *breeder) statement(n ast.Stmt) {
	switch n := n.(type) {
	case *ast.AssignStmt:
		b.operator(n.TokPos, n.Tok)
		if n.Tok != token.DEFINE {
			b.replace(n, "")
		}
	case *ast.IncDecStmt:
		b.operator(n.TokPos, n.Tok)
		b.replace(n, "")
	case *ast.ExprStmt, *ast.BranchStmt:
		b.replace(n, "")
	case *ast.ReturnStmt:
		if len(n.Results) == 0 {
			b.replace(n, "")
		}
	}
}

// Package importtest keeps the order of knowing (docs/ARCHITECTURE.md) by tests: who may import whom.
package importtest

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Rule forbids an import to some packages of a module.
type Rule struct {
	In     string // folder below the module, «.» for its root package, «*» for all; a final /… takes what is below it too
	Not    string // import path that is forbidden there, and everything below it
	Except string // folder that may, with what is below it; empty for none
	Why    string
}

// Check reads every Go file of the module in dir, tests too, and reports the imports that a rule forbids.
func Check(t *testing.T, dir string, rules []Rule) {
	t.Helper()
	check(t, dir, rules, func(path string) bool { return strings.HasSuffix(path, ".go") })
}

// CheckProduct is Check without the tests, which may use real drivers of the ports that a package declares.
func CheckProduct(t *testing.T, dir string, rules []Rule) {
	t.Helper()
	check(t, dir, rules, func(path string) bool {
		return strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go")
	})
}

func check(t *testing.T, dir string, rules []Rule, wanted func(path string) bool) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !wanted(path) {
			return err
		}
		files++
		return checkFile(t, dir, path, rules)
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 2 {
		t.Fatalf("only %d Go files in %s: the rules would pass on nothing", files, dir)
	}
}

func checkFile(t *testing.T, dir, path string, rules []Rule) error {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
	if err != nil {
		return err
	}
	folder, err := filepath.Rel(dir, filepath.Dir(path))
	if err != nil {
		return err
	}
	for _, spec := range file.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return err
		}
		for _, r := range rules {
			if r.forbids(filepath.ToSlash(folder), imported) {
				t.Errorf("%s imports %s: %s", path, imported, r.Why)
			}
		}
	}
	return nil
}

func (r Rule) forbids(folder, imported string) bool {
	return below(imported, r.Not) && applies(r.In, folder) && (r.Except == "" || !below(folder, r.Except))
}

func applies(pattern, folder string) bool {
	if parent, ok := strings.CutSuffix(pattern, "/…"); ok {
		return below(folder, parent)
	}
	return pattern == "*" || pattern == folder
}

// below reports whether path is parent or inside it.
func below(path, parent string) bool {
	rest, ok := strings.CutPrefix(path, parent)
	return ok && (rest == "" || rest[0] == '/')
}

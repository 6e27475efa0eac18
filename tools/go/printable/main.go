// Command printable keeps assembly/nats/printable.ts in step with Go's strconv.IsPrint, which decides what nats-server
// writes verbatim in its %q texts.
//
//	go run ./printable write ../../assembly/nats/printable.ts
//	go run ./printable check ../../assembly/nats/printable.ts   exits with 1 if the file is not what `write` would write
package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"unicode"
)

// Entries per line of the table, so that a new Unicode version makes a readable diff.
const perLine = 12

// boundaries lists the runes of [from, to] at which IsPrint changes. The rune before `from` counts as not printable.
func boundaries(from, to rune) []rune {
	var list []rune
	printable := false
	for r := from; r <= to; r++ {
		if strconv.IsPrint(r) != printable {
			printable = !printable
			list = append(list, r)
		}
	}
	return list
}

func array(name, kind, doc string, list []rune) string {
	var b strings.Builder
	fmt.Fprintf(&b, "/** %s */\n// prettier-ignore\nexport const %s: StaticArray<%s> = [", doc, name, kind)
	for i, r := range list {
		if i%perLine == 0 {
			b.WriteString("\n ")
		}
		fmt.Fprintf(&b, " 0x%x,", r)
	}
	b.WriteString("\n];\n")
	return b.String()
}

func table() []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "/**\n * Where Go's strconv.IsPrint changes its answer (Unicode %s), in ascending order: the first entry of a table begins a\n"+
		" * printable run, the second ends it, and so on. Made by `go run ./printable write` in tools/go; do not edit.\n */\n\n", unicode.Version)
	b.WriteString(array("PRINTABLE_BMP", "u16", "U+0000 to U+FFFF; what lies behind the last entry is not printable.", boundaries(0, 0xffff)))
	b.WriteString("\n")
	b.WriteString(array("PRINTABLE_BEYOND", "u32", "U+10000 to U+10FFFF; likewise.", boundaries(0x10000, unicode.MaxRune)))
	return []byte(b.String())
}

func run(args []string) error {
	switch {
	case len(args) == 2 && args[0] == "write":
		return os.WriteFile(args[1], table(), 0o644)
	case len(args) == 2 && args[0] == "check":
		present, err := os.ReadFile(args[1])
		if err != nil {
			return err
		}
		if !bytes.Equal(present, table()) {
			return fmt.Errorf("%s is not what this Go (Unicode %s) makes: run `go run ./printable write %s` in tools/go", args[1], unicode.Version, args[1])
		}
		return nil
	}
	return errors.New("usage: printable write FILE | check FILE")
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "printable:", err)
		os.Exit(1)
	}
}

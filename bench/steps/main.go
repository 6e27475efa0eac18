//go:build linux && amd64

// Command steps executes what an event loop does between two waits, one instruction at a time. It reports how many
// instructions that took, and how many cache lines and pages they lie on: in the program, Envoy, and in what V8 has
// compiled, a Wasm module. A processor that has slept has to fetch each of these lines again. For messages that arrive
// alone, the counts therefore say what a clock on a noisy machine cannot: they are the same in every run.
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
)

const usage = `steps -pid PID [-thread NAME] [-skip N] [-wakes N] [-longest N]

Linux on x86-64. It needs the right to trace the process: root, or kernel.yama.ptrace_scope = 0.
`

func main() {
	pid := flag.Int("pid", 0, "the process, Envoy")
	thread := flag.String("thread", "wrk:worker_0", "the name of its thread")
	skip := flag.Int("skip", 2000, "wakes to skip first, so that V8 has compiled the hot code")
	wakes := flag.Int("wakes", 3, "wakes to report")
	longest := flag.Int("longest", 100_000, "skip a wake that takes more instructions: its timers flush stats")
	flag.Usage = func() { fmt.Fprint(os.Stderr, usage); flag.PrintDefaults() }
	flag.Parse()
	if err := run(*pid, *thread, *skip, *wakes, *longest); err != nil {
		fmt.Fprintln(os.Stderr, "steps:", err)
		os.Exit(1)
	}
}

func run(pid int, name string, skip, wakes, longest int) error {
	thread, err := threadOf(pid, name)
	if err != nil {
		return err
	}
	tracee, err := attach(thread)
	if err != nil {
		return fmt.Errorf("thread %d of process %d cannot be traced: %w. Be root, or set kernel.yama.ptrace_scope to 0", thread, pid, err)
	}
	defer tracee.detach()
	for ; skip > 0; skip-- {
		if err := tracee.toWake(); err != nil {
			return err
		}
	}
	for told := 0; told < wakes; {
		if err := tracee.toWake(); err != nil {
			return err
		}
		addresses, whole, err := tracee.stepToWait(longest)
		if err != nil {
			return err
		}
		if !whole {
			continue
		}
		areas, err := compiledMemory(pid)
		if err != nil {
			return err
		}
		told++
		fmt.Printf("wake %d\n%s\n", told, report(addresses, areas))
	}
	return nil
}

// stretch is the code executed between two switches from one kind to the other.
type stretch struct {
	by                                   string
	instructions, lines, newLines, pages int
}

// report prints the stretches of one wake. A line or page is new if the wake has not met it before.
func report(addresses []uint64, areas []area) string {
	lines, pages := map[uint64]bool{}, map[uint64]bool{}
	totals := map[string]*stretch{}
	var text strings.Builder
	row := func(s stretch) {
		fmt.Fprintf(&text, "  %-14s %8d %7d %7d %7d\n", s.by, s.instructions, s.lines, s.newLines, s.pages)
	}
	fmt.Fprintf(&text, "  %-14s %8s %7s %7s %7s\n", "", "instr.", "lines", "new", "pages")
	for at := 0; at < len(addresses); {
		s := stretch{by: by(addresses[at], areas)}
		own := map[uint64]bool{}
		for ; at < len(addresses) && by(addresses[at], areas) == s.by; at++ {
			line, page := addresses[at]>>6, addresses[at]>>12
			s.instructions++
			own[line] = true
			if !lines[line] {
				s.newLines++
			}
			if !pages[page] {
				s.pages++
			}
			lines[line], pages[page] = true, true
		}
		s.lines = len(own)
		row(s)
		if totals[s.by] == nil {
			totals[s.by] = &stretch{by: "all of " + s.by}
		}
		total := totals[s.by]
		total.instructions += s.instructions
		total.lines += s.newLines
		total.newLines += s.newLines
		total.pages += s.pages
	}
	for _, who := range []string{program, compiled} {
		if totals[who] != nil {
			row(*totals[who])
		}
	}
	return text.String()
}

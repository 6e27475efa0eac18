//go:build linux && amd64

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

const (
	program  = "program"
	compiled = "compiled"
)

// area is the addresses from `begin` up to, but not including, `end`.
type area struct{ begin, end uint64 }

// by says whose instruction is at an address: that of a file, or one that V8 has compiled at run time, a Wasm module's.
func by(address uint64, areas []area) string {
	for _, each := range areas {
		if address >= each.begin && address < each.end {
			return compiled
		}
	}
	return program
}

// compiledMemory is the executable memory of a process that is not backed by a file. That is V8's, including its small
// entry and exit code.
func compiledMemory(pid int) ([]area, error) {
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		return nil, err
	}
	var areas []area
	for line := range strings.Lines(string(maps)) {
		fields := strings.Fields(line)
		if len(fields) != 5 || !strings.Contains(fields[1], "x") {
			continue
		}
		var each area
		if _, err := fmt.Sscanf(fields[0], "%x-%x", &each.begin, &each.end); err != nil {
			return nil, fmt.Errorf("/proc/%d/maps: %q: %w", pid, line, err)
		}
		areas = append(areas, each)
	}
	return areas, nil
}

// threadOf finds the first thread of that name.
func threadOf(pid int, name string) (int, error) {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/comm", pid))
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err == nil && strings.TrimSpace(string(text)) == name {
			return strconv.Atoi(filepath.Base(filepath.Dir(file)))
		}
	}
	return 0, fmt.Errorf("process %d has no thread named %q", pid, name)
}

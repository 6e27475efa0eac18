package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// ticksPerSecond is USER_HZ, which Linux fixes at 100 for user space.
const ticksPerSecond = 100

// cpuTime is the CPU time of all threads of a process, user and system, in nanoseconds. Linux counts nanoseconds in
// schedstat. If the kernel was built without schedstat, the ticks of stat (10 ms) have to do.
func cpuTime(pid int) (int64, error) {
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if len(threads) == 0 {
		return cpuTicks(pid)
	}
	total := int64(0)
	for _, thread := range threads {
		text, err := os.ReadFile(thread)
		if err != nil {
			continue // The thread has just ended.
		}
		running, _, _ := strings.Cut(string(text), " ")
		nanoseconds, err := strconv.ParseInt(running, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", thread, err)
		}
		total += nanoseconds
	}
	return total, nil
}

func cpuTicks(pid int) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// The command stands in parentheses and may contain blanks. utime and stime are fields 14 and 15, counted from 1.
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	if len(fields) < 13 {
		return 0, fmt.Errorf("/proc/%d/stat has %d fields", pid, len(fields))
	}
	user, err := strconv.ParseInt(fields[11], 10, 64)
	if err != nil {
		return 0, err
	}
	system, err := strconv.ParseInt(fields[12], 10, 64)
	return (user + system) * 1_000_000_000 / ticksPerSecond, err
}

// readAll reads the CPU time of each process and, last, of this one.
func readAll(pids []int) ([]int64, error) {
	times := make([]int64, 0, len(pids)+1)
	for _, pid := range append(append([]int{}, pids...), os.Getpid()) {
		time, err := cpuTime(pid)
		if err != nil {
			return nil, err
		}
		times = append(times, time)
	}
	return times, nil
}

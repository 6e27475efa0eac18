//go:build linux && amd64

package main

import (
	"errors"
	"fmt"
	"runtime"
	"syscall"
)

// wall is __WALL: wait for threads too.
const wall = 0x40000000

// inSyscall marks stops at system calls (PTRACE_O_TRACESYSGOOD).
const inSyscall = syscall.SIGTRAP | 0x80

// syscallInstruction is the two bytes of `syscall`.
const syscallInstruction = 0x050f

type tracee struct {
	thread int
	// signal is a signal that came while the thread was being stepped, or 0. It is delivered when the thread runs
	// again.
	signal syscall.Signal
}

func attach(thread int) (*tracee, error) {
	// ptrace accepts requests only from the OS thread that has attached.
	runtime.LockOSThread()
	if err := syscall.PtraceAttach(thread); err != nil {
		return nil, err
	}
	t := &tracee{thread: thread}
	if _, err := t.stopped(); err != nil {
		return nil, err
	}
	return t, syscall.PtraceSetOptions(thread, syscall.PTRACE_O_TRACESYSGOOD)
}

func (t *tracee) detach() { _ = syscall.PtraceDetach(t.thread) }

// toWake runs until the thread's wait for events has returned some.
func (t *tracee) toWake() error {
	for {
		if err := syscall.PtraceSyscall(t.thread, int(t.signal)); err != nil {
			return err
		}
		t.signal = 0
		atSyscall, err := t.stopped()
		if err != nil {
			return err
		}
		if !atSyscall {
			continue
		}
		registers, err := t.registers()
		if err != nil {
			return err
		}
		// At the entry of a call the return value reads -ENOSYS, and a wait that returns no events reads 0.
		if isWait(registers.Orig_rax) && int64(registers.Rax) > 0 {
			return nil
		}
	}
}

// stepToWait steps to the next wait for events. The addresses are incomplete if that took more than `longest` steps.
func (t *tracee) stepToWait(longest int) (addresses []uint64, whole bool, err error) {
	for len(addresses) < longest {
		if err := syscall.PtraceSingleStep(t.thread); err != nil {
			return nil, false, err
		}
		if _, err := t.stopped(); err != nil {
			return nil, false, err
		}
		registers, err := t.registers()
		if err != nil {
			return nil, false, err
		}
		addresses = append(addresses, registers.Rip)
		var code [2]byte
		if _, err := syscall.PtracePeekText(t.thread, uintptr(registers.Rip), code[:]); err != nil {
			return nil, false, fmt.Errorf("code at %#x: %w", registers.Rip, err)
		}
		if int(code[0])|int(code[1])<<8 == syscallInstruction && isWait(registers.Rax) {
			return addresses, true, nil
		}
	}
	return addresses, false, nil
}

func (t *tracee) registers() (syscall.PtraceRegs, error) {
	var registers syscall.PtraceRegs
	err := syscall.PtraceGetRegs(t.thread, &registers)
	return registers, err
}

func isWait(call uint64) bool {
	return call == syscall.SYS_EPOLL_WAIT || call == syscall.SYS_EPOLL_PWAIT
}

// stopped waits until the thread has stopped, and says whether that is at a system call. A signal for it is kept.
func (t *tracee) stopped() (atSyscall bool, err error) {
	var status syscall.WaitStatus
	for {
		_, err := syscall.Wait4(t.thread, &status, wall, nil)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil {
			return false, err
		}
		if !status.Stopped() {
			return false, errors.New("the thread has ended")
		}
		switch signal := status.StopSignal(); signal {
		case inSyscall:
			return true, nil
		case syscall.SIGTRAP, syscall.SIGSTOP: // Our own signals: from a step, or from the attachment.
		default:
			t.signal = signal
		}
		return false, nil
	}
}

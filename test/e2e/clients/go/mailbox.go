package main

import (
	"fmt"
	"time"
)

// mailbox holds what a callback received until a test takes it.
type mailbox[T any] chan T

// More than any test sends at once. A callback that blocked here would stop the connection's reader.
const mailboxSize = 10_000

func newMailbox[T any]() mailbox[T] {
	return make(mailbox[T], mailboxSize)
}

// take waits for count items.
func (m mailbox[T]) take(count int, timeout time.Duration) ([]T, error) {
	items := make([]T, 0, count)
	deadline := time.After(timeout)
	for len(items) < count {
		select {
		case item := <-m:
			items = append(items, item)
		case <-deadline:
			return nil, fmt.Errorf("%d of %d came within %v: %v", len(items), count, timeout, items)
		}
	}
	return items, nil
}

// takeAll takes what has arrived so far.
func (m mailbox[T]) takeAll() []T {
	items := []T{}
	for {
		select {
		case item := <-m:
			items = append(items, item)
		default:
			return items
		}
	}
}

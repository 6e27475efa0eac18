// Package freeport finds ports for programs that must be told theirs before they start.
package freeport

import (
	"fmt"
	"math/rand/v2"
	"net"
	"testing"
)

// Below those that Linux gives away by itself (net.ipv4.ip_local_port_range): somebody else could get one of those
// before the program takes it.
const lowest, ports = 20_000, 12_000

// Find returns ports of 127.0.0.1 that nobody has. All of them are held at the same time, so that they differ.
func Find(t testing.TB, count int) []int {
	t.Helper()
	found := make([]int, 0, count)
	for tries := 0; len(found) < count; tries++ {
		port := lowest + rand.IntN(ports)
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			defer func() { _ = listener.Close() }()
			found = append(found, port)
		} else if tries > 100 {
			t.Fatal(err)
		}
	}
	return found
}

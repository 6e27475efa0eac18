// Package hook is what a foreign suite's only dial function calls once it is patched. It is copied into the package
// that it serves when the suite runs.
package hook

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"regexp"
	"runtime"
	"syscall"
	"time"
)

// natsFilterFront is the Envoy listener in front of every nats-server of the suite. If it is empty, connections are
// dialled directly.
var natsFilterFront = os.Getenv("ISTIO_NATS_FRONT")

// natsFilterUsers gives the source address, and so the principal, of each of the suite's users.
var natsFilterUsers = func() map[string]string {
	users := map[string]string{}
	_ = json.Unmarshal([]byte(os.Getenv("ISTIO_NATS_USERS")), &users)
	return users
}()

// natsFilterAnyone is the source address of everybody else.
const natsFilterAnyone = "10.0.0.1"

// natsFilterPatience bounds the wait for INFO. nats-server sends it first, but servers of a test's own may not.
const natsFilterPatience = 500 * time.Millisecond

var (
	natsFilterUser = regexp.MustCompile(`^CONNECT .*"user":"([^"]+)"`)
	natsFilterTest = regexp.MustCompile(`\.(Test[A-Z]\w*)`)
)

// natsFilterDial connects to the nats-server at address through the filter, or directly if there is no front.
func natsFilterDial(address string, timeout time.Duration) (net.Conn, error) {
	if natsFilterFront == "" {
		return net.DialTimeout("tcp", address, timeout)
	}
	natsFilterWitness()
	conn, err := natsFilterDialAs(address, timeout, natsFilterAnyone)
	if err != nil {
		return nil, err
	}
	conn.byUser = len(natsFilterUsers) > 0
	return conn, nil
}

// natsFilterDialAs tells Envoy, by the PROXY protocol, which nats-server is meant and who connects.
func natsFilterDialAs(address string, timeout time.Duration, source string) (*natsFilterConn, error) {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	conn, err := net.DialTimeout("tcp", natsFilterFront, timeout)
	if err != nil {
		return nil, err
	}
	if _, err := fmt.Fprintf(conn, "PROXY TCP4 %s 127.0.0.1 40000 %s\r\n", source, port); err != nil {
		return nil, err
	}
	through := &natsFilterConn{Conn: conn, address: address, timeout: timeout}
	// Envoy accepts before it knows whether a server is there, but a suite expects its own dial to fail.
	_ = conn.SetReadDeadline(time.Now().Add(natsFilterPatience))
	first := make([]byte, 1)
	n, err := conn.Read(first)
	_ = conn.SetReadDeadline(time.Time{})
	if n == 0 && err != nil && !os.IsTimeout(err) {
		_ = conn.Close()
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	}
	through.first = first[:n]
	return through, nil
}

// natsFilterConn is a connection whose first byte was already read, and whose principal may follow the user that
// CONNECT names, because the suite's users are the filter's principals.
type natsFilterConn struct {
	net.Conn
	first   []byte
	address string
	timeout time.Duration
	byUser  bool
}

func (c *natsFilterConn) Read(b []byte) (int, error) {
	if len(c.first) == 0 || len(b) == 0 {
		return c.Conn.Read(b)
	}
	n := copy(b, c.first)
	c.first = c.first[n:]
	// The suites read once and expect the whole INFO.
	if n < len(b) {
		more, err := c.Conn.Read(b[n:])
		return n + more, err
	}
	return n, nil
}

func (c *natsFilterConn) Write(b []byte) (int, error) {
	if c.byUser {
		c.byUser = false
		if user := natsFilterUser.FindSubmatch(b); user != nil {
			if source, known := natsFilterUsers[string(user[1])]; known {
				if err := c.becomes(source); err != nil {
					return 0, err
				}
			}
		}
	}
	return c.Conn.Write(b)
}

// becomes connects again from source. The suite has already read one INFO.
func (c *natsFilterConn) becomes(source string) error {
	again, err := natsFilterDialAs(c.address, c.timeout, source)
	if err != nil {
		return err
	}
	// Byte by byte, so that nothing after INFO is lost.
	info := bufio.NewReaderSize(again, 1)
	for {
		one, err := info.ReadByte()
		if err != nil {
			return err
		}
		if one == '\n' {
			break
		}
	}
	_ = c.Conn.Close()
	c.Conn = again.Conn
	return nil
}

// natsFilterWitness records the test that dials. A test that never dials proves nothing.
func natsFilterWitness() {
	callers := make([]uintptr, 64)
	frames := runtime.CallersFrames(callers[:runtime.Callers(2, callers)])
	for {
		frame, more := frames.Next()
		if test := natsFilterTest.FindStringSubmatch(frame.Function); test != nil {
			if file, err := os.OpenFile(os.Getenv("ISTIO_NATS_WITNESS"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644); err == nil {
				_, _ = io.WriteString(file, test[1]+"\n")
				_ = file.Close()
			}
			return
		}
		if !more {
			return
		}
	}
}

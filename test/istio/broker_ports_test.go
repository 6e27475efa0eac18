package istio

import (
	"bufio"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"istio-nats/test/istio/identity"
	"istio-nats/test/istio/wait"
)

// protocol is one of nats-server's ports besides 4222: a line that makes nats-server answer, and how its
// answer begins.
type protocol struct{ port, line, answer string }

var (
	routes = protocol{"6222", "CONNECT {\"name\":\"nats-1\",\"cluster\":\"messaging\"}\r\nPING\r\n", "PONG"}
	leaves = protocol{"7422", "CONNECT {\"name\":\"leaf\"}\r\nPING\r\n", "PONG"}
)

// speak sends the protocol's line with that service account's certificate, and returns nats-server's lines up to the
// expected one. It returns an error if the connection ends before it.
func (s *stand) speak(t *testing.T, serviceAccount string, with protocol) error {
	t.Helper()
	namespace, account, _ := strings.Cut(serviceAccount, "/")
	config := s.authority.ClientTLS(t, identity.Principal(namespace, account))
	connection, err := tls.Dial("tcp", net.JoinHostPort(s.natsIP, with.port), config)
	if err != nil {
		return err
	}
	defer func() { _ = connection.Close() }()
	if err := connection.SetDeadline(time.Now().Add(wait.Patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(connection, with.line); err != nil {
		return err
	}
	lines := bufio.NewScanner(connection)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), with.answer) {
			return nil
		}
	}
	if err := lines.Err(); err != nil {
		return err
	}
	return io.EOF
}

func TestOnlyTheBrokersOwnAccountAndNamedLeavesReachItsOtherPorts(t *testing.T) {
	s := startStand(t, nil)
	cases := []struct {
		name, account string
		with          protocol
		passes        bool
	}{
		{"the broker's own account speaks to routes", "messaging/nats", routes, true},
		{"the broker's own account speaks to leaf nodes", "messaging/nats", leaves, true},
		{"a named leaf speaks to leaf nodes", "edge/nats-leaf", leaves, true},
		{"a named leaf does not speak to routes", "edge/nats-leaf", routes, false},
		{"a client of the policy does not speak to routes", "shop/orders-api", routes, false},
		{"a client of the policy does not speak to leaf nodes", "shop/orders-api", leaves, false},
		{"the operator of the policy does not speak to routes", "messaging/nats-operator", routes, false},
		{"another namespace's account of the broker's name does not speak to routes", "shop/nats", routes, false},
	}
	for _, one := range cases {
		t.Run(one.name, func(t *testing.T) {
			err := s.speak(t, one.account, one.with)
			var timeout net.Error
			if errors.As(err, &timeout) && timeout.Timeout() {
				t.Fatalf("%v: neither answered nor closed", err)
			}
			if passes := err == nil; passes != one.passes {
				t.Errorf("passes: %t (%v)", passes, err)
			}
		})
	}
}

package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

type message struct {
	Subject string              `json:"subject"`
	Data    string              `json:"data"`
	Headers map[string][]string `json:"headers"`
}

func messageOf(subject string, data []byte, headers nats.Header) message {
	if headers == nil {
		headers = nats.Header{}
	}
	return message{subject, string(data), headers}
}

type subscription struct {
	*nats.Subscription
	messages mailbox[message]
}

type connection struct {
	*nats.Conn
	timeout time.Duration
	errs    mailbox[string]
	closed  chan struct{}

	mu            sync.Mutex
	subscriptions []subscription
	watches       []mailbox[change]
}

type tlsFiles struct {
	Certificate string `json:"certificate"`
	Key         string `json:"key"`
	Authority   string `json:"authority"`
}

// config verifies the server's authority, but not its name: Istio's certificates have no host name.
func (f tlsFiles) config() (*tls.Config, error) {
	certificate, err := tls.LoadX509KeyPair(f.Certificate, f.Key)
	if err != nil {
		return nil, err
	}
	authority, err := os.ReadFile(f.Authority)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority)
	verify := func(state tls.ConnectionState) error {
		_, err := state.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: roots})
		return err
	}
	return &tls.Config{
		Certificates:       []tls.Certificate{certificate},
		InsecureSkipVerify: true,
		VerifyConnection:   verify,
	}, nil
}

func open(c call) (*connection, error) {
	conn := &connection{
		timeout: time.Duration(c.Timeout) * time.Millisecond,
		errs:    newMailbox[string](),
		closed:  make(chan struct{}),
	}
	options := []nats.Option{
		nats.ReconnectWait(time.Duration(c.Wait) * time.Millisecond),
		nats.ReconnectJitter(0, 0),
		// It may take a busy machine seconds to start nats-server again, and to connect.
		nats.MaxReconnects(-1),
		nats.Timeout(conn.timeout),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { conn.errs <- err.Error() }),
		nats.ClosedHandler(func(*nats.Conn) { close(conn.closed) }),
	}
	if c.User != "" {
		options = append(options, nats.UserInfo(c.User, c.User))
	}
	if c.TLS != nil {
		config, err := c.TLS.config()
		if err != nil {
			return nil, err
		}
		options = append(options, nats.Secure(config), nats.TLSHandshakeFirst())
	}
	opened, err := nats.Connect(c.URL, options...)
	if err != nil {
		return nil, err
	}
	conn.Conn = opened
	return conn, nil
}

func (conn *connection) messageFor(c call) *nats.Msg {
	m := nats.NewMsg(c.Subject)
	m.Data = []byte(c.Data)
	m.Reply = c.Reply
	for name, value := range c.Headers {
		// Not Set, which would write the name in MIME's canonical form.
		m.Header[name] = []string{value}
	}
	return m
}

func (conn *connection) publish(c call) (any, error) {
	return nil, conn.PublishMsg(conn.messageFor(c))
}

func (conn *connection) subscribe(c call) (any, error) {
	messages := newMailbox[message]()
	subscribed, err := conn.QueueSubscribe(c.Subject, c.Queue, func(m *nats.Msg) {
		messages <- messageOf(m.Subject, m.Data, m.Header)
		for _, answer := range c.Answers {
			reply := nats.NewMsg(m.Reply)
			reply.Data = []byte(answer)
			reply.Header = m.Header
			if m.Reply == "" {
				continue
			}
			if err := m.RespondMsg(reply); err != nil {
				conn.errs <- err.Error()
			}
		}
	})
	if err != nil {
		return nil, err
	}
	conn.mu.Lock()
	defer conn.mu.Unlock()
	conn.subscriptions = append(conn.subscriptions, subscription{subscribed, messages})
	return len(conn.subscriptions) - 1, nil
}

func (conn *connection) subscription(c call) subscription {
	conn.mu.Lock()
	defer conn.mu.Unlock()
	return conn.subscriptions[c.Subscription]
}

func (conn *connection) take(c call) (any, error) {
	return conn.subscription(c).messages.take(c.Count, conn.timeout)
}

func (conn *connection) takeAll(c call) (any, error) {
	return conn.subscription(c).messages.takeAll(), nil
}

func (conn *connection) unsubscribe(c call) (any, error) {
	return nil, conn.subscription(c).Unsubscribe()
}

func (conn *connection) request(c call) (any, error) {
	reply, err := conn.RequestMsg(conn.messageFor(c), conn.timeout)
	if err != nil {
		return nil, err
	}
	return messageOf(reply.Subject, reply.Data, reply.Header), nil
}

// flush returns when the subscriptions' callbacks have also seen everything that came before. nats.go runs them apart
// from its reader.
func (conn *connection) flush(call) (any, error) {
	if err := conn.FlushTimeout(conn.timeout); err != nil {
		return nil, err
	}
	conn.mu.Lock()
	subscriptions := conn.subscriptions
	conn.mu.Unlock()
	for _, s := range subscriptions {
		for deadline := time.Now().Add(conn.timeout); s.IsValid(); time.Sleep(time.Millisecond) {
			pending, _, err := s.Pending()
			if err != nil || pending == 0 {
				break
			}
			if time.Now().After(deadline) {
				return nil, errors.New("a subscription's callback hangs")
			}
		}
	}
	return nil, nil
}

func (conn *connection) takeErrors(call) (any, error) {
	return conn.errs.takeAll(), nil
}

func (conn *connection) reconnects(call) (any, error) {
	return conn.Stats().Reconnects, nil
}

func (conn *connection) drain(call) (any, error) {
	if err := conn.Drain(); err != nil {
		return nil, err
	}
	return conn.untilClosed()
}

func (conn *connection) close(call) (any, error) {
	conn.Close()
	return conn.untilClosed()
}

func (conn *connection) untilClosed() (any, error) {
	select {
	case <-conn.closed:
		return nil, nil
	case <-time.After(conn.timeout):
		return nil, errors.New("the connection does not close")
	}
}

package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"
)

// member is one connection of a crowd. Nearly all of them are idle, so it has a small buffer, and its reader does no more
// than nats-server expects of a client.
type member struct {
	conn  net.Conn
	lines *bufio.Reader
}

// line returns the next line of nats-server that is no PING. A PING is answered.
func (m *member) line() ([]byte, error) {
	for {
		line, err := m.lines.ReadSlice('\n')
		if err != nil {
			return nil, err
		}
		if !bytes.HasPrefix(line, []byte("PING")) {
			return line, nil
		}
		if _, err := m.conn.Write([]byte("PONG\r\n")); err != nil {
			return nil, err
		}
	}
}

// ask writes and waits for the PONG. Whatever else comes than an INFO is an error.
func (m *member) ask(text string) error {
	if _, err := m.conn.Write([]byte(text)); err != nil {
		return err
	}
	for {
		line, err := m.line()
		switch {
		case err != nil:
			return err
		case bytes.HasPrefix(line, []byte("PONG")):
			return nil
		case !bytes.HasPrefix(line, []byte("INFO")):
			return fmt.Errorf("nats-server sent %q", line)
		}
	}
}

// entry is how members get in: an address, and certificates and addresses of their own that they have in turn.
type entry struct {
	address string
	configs []*tls.Config
	hosts   []string
}

func newEntry(c *Command) (*entry, error) {
	e := &entry{address: c.Target.Address, hosts: c.Hosts}
	for _, certificate := range c.Certificates {
		config, err := certificate.config()
		if err != nil {
			return nil, err
		}
		e.configs = append(e.configs, config)
	}
	return e, nil
}

// join connects the member with that number. It answers how long the PONG took from CONNECT on.
func (e *entry) join(number int) (*member, time.Duration, error) {
	dialer := net.Dialer{Timeout: patience}
	if len(e.hosts) > 0 {
		// One address has too few ports for all.
		dialer.LocalAddr = &net.TCPAddr{IP: net.ParseIP(e.hosts[number%len(e.hosts)])}
	}
	conn, err := dialer.Dial("tcp", e.address)
	if err != nil {
		return nil, 0, err
	}
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return nil, 0, err
	}
	if len(e.configs) > 0 {
		conn = tls.Client(conn, e.configs[number%len(e.configs)])
	}
	m := &member{conn: conn, lines: bufio.NewReaderSize(conn, 4<<10)}
	took, err := m.introduce()
	if err != nil {
		conn.Close()
		return nil, 0, err
	}
	return m, took, conn.SetDeadline(time.Time{})
}

func (m *member) introduce() (time.Duration, error) {
	if line, err := m.line(); err != nil || !bytes.HasPrefix(line, []byte("INFO")) {
		return 0, errors.Join(err, fmt.Errorf("nats-server began with %q", line))
	}
	began := time.Now()
	if err := m.ask("CONNECT {\"verbose\":false,\"pedantic\":false,\"headers\":true,\"no_responders\":true,\"protocol\":1,\"lang\":\"bench\"}\r\nPING\r\n"); err != nil {
		return 0, err
	}
	return time.Since(began), nil
}

// subscribe subscribes to these subjects, in which the member's number takes the place of #.
func (m *member) subscribe(subjects []string, number int) error {
	text := ""
	for i, subject := range subjects {
		text += fmt.Sprintf("SUB %s %d\r\n", strings.ReplaceAll(subject, "#", fmt.Sprint(number)), i+1)
	}
	return m.ask(text + "PING\r\n")
}

// crowd are the connections that stay open from one command to the next.
var crowd []*member

// atOnce is how many members of a crowd are on their way in at the same time.
const atOnce = 32

// prepareCrowd opens connections with these subscriptions until there are as many as the command says, or closes all that
// are too many, as fast as it can. What stays lies scattered among what goes.
func prepareCrowd(c *Command) (*piece, error) {
	e, err := newEntry(c)
	if err != nil {
		return nil, err
	}
	p := &piece{}
	p.timed = func() (err error) {
		if c.Connections < len(crowd) {
			leave(c.Connections)
			return nil
		}
		p.latencies, err = e.fill(c.Connections, c.Subscribe)
		return err
	}
	p.finish = func() error { slices.Sort(p.latencies); return nil }
	return p, nil
}

func leave(stay int) {
	rest := make([]*member, 0, stay)
	for i, m := range crowd {
		if (i+1)*stay/len(crowd) > i*stay/len(crowd) {
			rest = append(rest, m)
		} else {
			m.conn.Close()
		}
	}
	crowd = rest
}

func (e *entry) fill(wanted int, subjects []string) ([]int64, error) {
	var all sync.WaitGroup
	var lock sync.Mutex
	var latencies []int64
	var failed error
	had := len(crowd)
	// In their order, so that who stays does not depend on who was the quickest.
	crowd = append(crowd, make([]*member, max(0, wanted-had))...)
	numbers := make(chan int)
	for range atOnce {
		all.Go(func() {
			for number := range numbers {
				m, took, err := e.join(number)
				if err == nil {
					err = m.subscribe(subjects, number)
				}
				lock.Lock()
				if err == nil {
					latencies = append(latencies, int64(took))
					crowd[number] = m
				} else {
					failed = errors.Join(failed, fmt.Errorf("connection %d: %w", number, err))
				}
				lock.Unlock()
				if err == nil {
					go m.stay()
				}
			}
		})
	}
	for number := had; number < wanted; number++ {
		numbers <- number
	}
	close(numbers)
	all.Wait()
	return latencies, failed
}

// stay answers nats-server's PINGs until the connection ends.
func (m *member) stay() {
	for {
		if _, err := m.line(); err != nil {
			return
		}
	}
}

// prepareNewcomers connects one client after the other, each of which leaves at once. The latencies are from CONNECT to
// PONG; what has passed in all has the TCP and TLS handshakes besides.
func prepareNewcomers(c *Command) (*piece, error) {
	e, err := newEntry(c)
	if err != nil {
		return nil, err
	}
	p := &piece{}
	p.timed = func() error {
		for number := range c.Messages {
			m, took, err := e.join(number)
			if err != nil {
				return err
			}
			m.conn.Close()
			p.latencies = append(p.latencies, int64(took))
		}
		return nil
	}
	p.finish = func() error { slices.Sort(p.latencies); return nil }
	return p, nil
}

// probes ping all the time, to notice when nothing goes on.
type probing struct {
	end    chan struct{}
	all    sync.WaitGroup
	lock   sync.Mutex
	failed error
	// latencies are of PINGs with their PONG.
	latencies []int64
}

var probes *probing

// betweenPings is how long a probe rests. There are several, at different phases.
const betweenPings = 10 * time.Millisecond

// prepareProbe opens connections that ping until prepareProbed is asked for.
func prepareProbe(c *Command) (*piece, error) {
	e, err := newEntry(c)
	if err != nil {
		return nil, err
	}
	probes = &probing{end: make(chan struct{})}
	for number := range c.Connections {
		m, _, err := e.join(number)
		if err != nil {
			return nil, err
		}
		probes.all.Go(func() { probes.ping(m, time.Duration(number)*betweenPings/time.Duration(c.Connections)) })
	}
	nothing := func() error { return nil }
	return &piece{timed: nothing, finish: nothing}, nil
}

func (p *probing) ping(m *member, phase time.Duration) {
	defer m.conn.Close()
	time.Sleep(phase)
	for {
		select {
		case <-p.end:
			return
		case <-time.After(betweenPings):
		}
		began := time.Now()
		err := m.ask("PING\r\n")
		took := int64(time.Since(began))
		p.lock.Lock()
		if err != nil {
			p.failed = errors.Join(p.failed, err)
		}
		p.latencies = append(p.latencies, took)
		p.lock.Unlock()
		if err != nil {
			return
		}
	}
}

// prepareProbed ends the probes, and answers what they have found.
func prepareProbed(_ *Command) (*piece, error) {
	p := &piece{}
	p.timed = func() error { close(probes.end); probes.all.Wait(); return probes.failed }
	p.finish = func() error { slices.Sort(probes.latencies); p.latencies = probes.latencies; return nil }
	return p, nil
}

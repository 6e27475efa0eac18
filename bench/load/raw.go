package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync/atomic"
)

// raw is a NATS connection that costs the load generator next to nothing for each message, so that it is never the
// bottleneck. What it sends is prepared in advance, and what it receives is only counted and skipped.
type raw struct {
	conn net.Conn
	// Counted by the reader, read by others.
	messages atomic.Int64
	refusals atomic.Int64
	// pongs holds all PINGs that a connection ever has outstanding.
	pongs chan struct{}
	// news is signalled, without blocking, when messages has grown. Who publishes has none.
	news chan struct{}
	// ended is closed when the reader ends; err says why it did.
	ended chan struct{}
	err   error
}

// readerSize is several times what TLS or a socket hands over at once.
const readerSize = 256 << 10

// connect opens a connection and waits until nats-server has accepted CONNECT.
func connect(target *Target, news chan struct{}) (*raw, error) {
	conn, err := target.Dial("", "")
	if err != nil {
		return nil, err
	}
	r := &raw{conn: conn, pongs: make(chan struct{}, 8), news: news, ended: make(chan struct{})}
	go r.read()
	fields := map[string]any{"verbose": false, "pedantic": false, "headers": true, "no_responders": true, "protocol": 1, "lang": "bench"}
	if target.User != "" {
		fields["user"], fields["pass"] = target.User, target.Password
	}
	text, err := json.Marshal(fields)
	if err != nil {
		return nil, err
	}
	if err := r.write(fmt.Appendf(nil, "CONNECT %s\r\n", text)); err != nil {
		return nil, err
	}
	return r, r.flush()
}

func (r *raw) write(data []byte) error {
	_, err := r.conn.Write(data)
	return err
}

// flush waits until nats-server has read everything that was sent, and until everything that it had sent before has
// arrived.
func (r *raw) flush() error {
	if err := r.write([]byte("PING\r\n")); err != nil {
		return err
	}
	select {
	case <-r.pongs:
		return nil
	case <-r.ended:
		return r.err
	}
}

// close ends the connection and waits for its reader to end.
func (r *raw) close() {
	r.conn.Close()
	<-r.ended
}

func (r *raw) read() {
	defer close(r.ended)
	buffer := make([]byte, 0, readerSize)
	for {
		n, err := r.conn.Read(buffer[len(buffer):cap(buffer)])
		if err != nil {
			r.err = err
			return
		}
		buffer = buffer[:len(buffer)+n]
		rest, err := r.take(buffer)
		if err != nil {
			r.err = err
			r.conn.Close()
			return
		}
		buffer = buffer[:copy(buffer[:cap(buffer)], rest)]
		if len(buffer) == cap(buffer) {
			grown := make([]byte, len(buffer), 2*cap(buffer))
			copy(grown, buffer)
			buffer = grown
		}
	}
}

// take counts the whole frames in data and returns what is left.
func (r *raw) take(data []byte) ([]byte, error) {
	messages, refusals := int64(0), int64(0)
	defer func() {
		r.refusals.Add(refusals)
		if messages > 0 {
			r.messages.Add(messages)
			select {
			case r.news <- struct{}{}:
			default:
			}
		}
	}()
	for {
		end := bytes.IndexByte(data, '\n')
		if end < 0 {
			return data, nil
		}
		line := data[:end]
		switch line[0] {
		case 'M', 'H':
			line = bytes.TrimSuffix(line, []byte("\r"))
			size, err := strconv.Atoi(string(line[bytes.LastIndexByte(line, ' ')+1:]))
			if err != nil {
				return nil, fmt.Errorf("%q has no size", line)
			}
			whole := end + 1 + size + 2
			if len(data) < whole {
				return data, nil
			}
			messages++
			data = data[whole:]
			continue
		case 'P':
			if line[1] == 'O' {
				r.pongs <- struct{}{}
				break
			}
			// nats-server disconnects who has left two of its PINGs unanswered when the third is due. Of who publishes it hears
			// anyway, and sends none; and a PONG could come into the middle of a publish.
			if r.news == nil {
				break
			}
			if err := r.write([]byte("PONG\r\n")); err != nil {
				return nil, err
			}
		case '-':
			if !bytes.HasPrefix(line, []byte("-ERR 'Permissions Violation for Publish to ")) {
				return nil, errors.New(string(line))
			}
			refusals++
		case 'I':
		default:
			return nil, fmt.Errorf("nats-server sent %q", line)
		}
		data = data[end+1:]
	}
}

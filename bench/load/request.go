package main

import (
	"errors"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
)

// prepareRequest sends one request at a time, and a second connection answers. Both connections are nats.go's.
func prepareRequest(c *Command) (*piece, error) {
	requester, err := c.Target.Client()
	if err != nil {
		return nil, err
	}
	responder, err := c.Target.Client()
	if err != nil {
		return nil, err
	}
	payload := make([]byte, c.Size)
	answer := func(message *nats.Msg) { _ = message.Respond(payload) }
	if _, err := responder.Subscribe(c.Subjects[0], answer); err != nil {
		return nil, err
	}
	if err := responder.Flush(); err != nil {
		return nil, err
	}
	// The first request also subscribes to the inbox.
	if _, err := requester.Request(c.Subjects[0], payload, patience); err != nil {
		return nil, err
	}
	p := &piece{latencies: make([]int64, 0, c.Messages)}
	p.timed = func() error {
		for range c.Messages {
			began := time.Now()
			if _, err := requester.Request(c.Subjects[0], payload, patience); err != nil {
				return err
			}
			p.latencies = append(p.latencies, int64(time.Since(began)))
		}
		return nil
	}
	p.finish = func() error {
		slices.Sort(p.latencies)
		err := errors.Join(requester.LastError(), responder.LastError())
		requester.Close()
		responder.Close()
		return err
	}
	return p, nil
}

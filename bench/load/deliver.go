package main

import (
	"fmt"
	"time"
)

// The most bytes that may be on their way to the slowest subscriber. nats-server drops a subscriber that lags behind by
// more than its max_pending.
const inFlight = 8 << 20

type delivery struct {
	command     *Command
	block       *block
	publisher   *raw
	subscribers []*raw
	news        chan struct{}
}

// arrived counts messages over all subscribers.
func (d *delivery) arrived() int {
	total := 0
	for _, subscriber := range d.subscribers {
		total += int(subscriber.messages.Load())
	}
	return total
}

// waitFor waits until this many messages have arrived.
func (d *delivery) waitFor(count int) error {
	for d.arrived() < count {
		select {
		case <-d.news:
		case <-time.After(patience / 4):
			return fmt.Errorf("%d of %d messages have arrived, and no more come", d.arrived(), d.command.Expect)
		}
	}
	return nil
}

func (d *delivery) run() error {
	c := d.command
	sent := 0
	step := min(d.block.count(), max(1, inFlight/8/d.block.longest))
	for sent < c.Messages {
		count := min(step, c.Messages-sent)
		if err := d.block.send(d.publisher, count); err != nil {
			return err
		}
		sent += count
		// A publish may bring less than one delivery (because of a deny) or several (because of a fan-out).
		behind := sent - inFlight/d.block.longest
		if err := d.waitFor(int(int64(behind) * int64(c.Expect) / int64(c.Messages))); err != nil {
			return err
		}
	}
	return d.waitFor(c.Expect)
}

// finish checks that no message arrives that must not.
func (d *delivery) finish() error {
	// What nats-server has not read yet would never arrive.
	if err := d.publisher.flush(); err != nil {
		return err
	}
	d.publisher.close()
	for _, subscriber := range d.subscribers {
		if err := subscriber.flush(); err != nil {
			return err
		}
		subscriber.close()
	}
	if d.arrived() != d.command.Expect {
		return fmt.Errorf("%d messages arrived, not %d", d.arrived(), d.command.Expect)
	}
	return nil
}

// prepareDeliver sends publishes to subscribers of its own. The work ends when the last message has arrived. With an
// origin it publishes there, so that only deliveries are measured.
func prepareDeliver(c *Command) (*piece, error) {
	b, err := makeBlock(c)
	if err != nil {
		return nil, err
	}
	d := &delivery{command: c, block: b, news: make(chan struct{}, 1)}
	from := &c.Target
	if c.Origin.Address != "" {
		from = &c.Origin
	}
	if d.publisher, err = connect(from, nil); err != nil {
		return nil, err
	}
	for range c.Subscribers {
		r, err := connect(&c.Target, d.news)
		if err != nil {
			return nil, err
		}
		d.subscribers = append(d.subscribers, r)
		group := ""
		if c.Queue != "" {
			group = c.Queue + " "
		}
		if err := r.write(fmt.Appendf(nil, "SUB %s %s1\r\n", c.Subscribe, group)); err != nil {
			return nil, err
		}
		if err := r.flush(); err != nil {
			return nil, err
		}
	}
	return &piece{timed: d.run, finish: d.finish}, nil
}

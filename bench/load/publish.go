package main

import "fmt"

// preparePublish sends publishes as fast as they are taken. The work ends when nats-server has read the last one.
func preparePublish(c *Command) (*piece, error) {
	b, err := makeBlock(c)
	if err != nil {
		return nil, err
	}
	r, err := connect(&c.Target, nil)
	if err != nil {
		return nil, err
	}
	timed := func() error {
		for left := c.Messages; left > 0; left -= b.count() {
			if err := b.send(r, min(left, b.count())); err != nil {
				// The reader has the cause.
				r.close()
				return fmt.Errorf("%w: %w", err, r.err)
			}
		}
		return r.flush()
	}
	finish := func() error {
		r.close()
		if refused := int(r.refusals.Load()); refused != c.Refused {
			return fmt.Errorf("%d of %d publishes were refused, not %d", refused, c.Messages, c.Refused)
		}
		return nil
	}
	return &piece{timed: timed, finish: finish}, nil
}

package main

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	streamName = "BENCH"
	// Publishes that wait for their acknowledgement at most.
	asyncWindow = 1024
	fetchSize   = 500
)

// freshStream makes the stream anew, over a connection that is not measured.
func freshStream(c *Command) (*nats.Conn, jetstream.JetStream, error) {
	nc, err := c.Origin.Client()
	if err != nil {
		return nil, nil, err
	}
	js, err := jetstream.New(nc, jetstream.WithPublishAsyncMaxPending(asyncWindow))
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_ = js.DeleteStream(ctx, streamName)
	// In memory: a disk has nothing to do with what is measured.
	_, err = js.CreateStream(ctx, jetstream.StreamConfig{
		Name: streamName, Subjects: []string{c.Subscribe}, Storage: jetstream.MemoryStorage,
	})
	return nc, js, err
}

// publishAll waits for every acknowledgement.
func publishAll(js jetstream.JetStream, c *Command) error {
	payload := make([]byte, c.Size)
	// A full window is what a saturating publisher waits for; nats.go gives up after 200 ms unless told.
	wait := jetstream.WithStallWait(patience / 4)
	for range c.Messages {
		if _, err := js.PublishAsync(c.Subjects[0], payload, wait); err != nil {
			return err
		}
	}
	select {
	case <-js.PublishAsyncComplete():
		return nil
	case <-time.After(patience):
		return fmt.Errorf("%d publishes were not acknowledged", js.PublishAsyncPending())
	}
}

func prepareJetStreamPublish(c *Command) (*piece, error) {
	origin, own, err := freshStream(c)
	if err != nil {
		return nil, err
	}
	nc, err := c.Target.Client()
	if err != nil {
		return nil, err
	}
	js, err := jetstream.New(nc, jetstream.WithPublishAsyncMaxPending(asyncWindow))
	if err != nil {
		return nil, err
	}
	timed := func() error { return publishAll(js, c) }
	finish := func() error {
		defer origin.Close()
		defer nc.Close()
		// Other work must not be stored.
		defer own.DeleteStream(context.Background(), streamName)
		stream, err := own.Stream(context.Background(), streamName)
		if err != nil {
			return err
		}
		if stored := stream.CachedInfo().State.Msgs; stored != uint64(c.Messages) {
			return fmt.Errorf("%d messages are stored, not %d", stored, c.Messages)
		}
		return nil
	}
	return &piece{timed: timed, finish: finish}, nil
}

// waitForAcknowledgements asks until the consumer knows of all: nats-server puts acknowledgements into a queue of the consumer's
// (consumer.go processInboundAcks), which neither a PONG nor its answer about the consumer waits for.
func waitForAcknowledgements(consumer jetstream.Consumer, messages uint64) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		info, err := consumer.Info(ctx)
		if err != nil {
			return err
		}
		if info.AckFloor.Stream == messages {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d messages were acknowledged, not %d", info.AckFloor.Stream, messages)
		case <-time.After(time.Millisecond):
		}
	}
}

// prepareJetStreamPull fetches what is stored, in batches, and acknowledges each message.
func prepareJetStreamPull(c *Command) (*piece, error) {
	origin, own, err := freshStream(c)
	if err != nil {
		return nil, err
	}
	if err := publishAll(own, c); err != nil {
		return nil, err
	}
	nc, err := c.Target.Client()
	if err != nil {
		return nil, err
	}
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, err
	}
	consumer, err := js.CreateConsumer(context.Background(), streamName, jetstream.ConsumerConfig{
		AckPolicy: jetstream.AckExplicitPolicy, MaxAckPending: 10 * fetchSize, MemoryStorage: true,
	})
	if err != nil {
		return nil, err
	}
	timed := func() error {
		for left := c.Messages; left > 0; {
			batch, err := consumer.Fetch(min(fetchSize, left), jetstream.FetchMaxWait(5*time.Second))
			if err != nil {
				return err
			}
			for message := range batch.Messages() {
				if err := message.Ack(); err != nil {
					return err
				}
				left--
			}
			if batch.Error() != nil {
				return batch.Error()
			}
		}
		return nc.Flush()
	}
	finish := func() error {
		defer origin.Close()
		defer nc.Close()
		// Other work must not be stored.
		defer own.DeleteStream(context.Background(), streamName)
		return waitForAcknowledgements(consumer, uint64(c.Messages))
	}
	return &piece{timed: timed, finish: finish}, nil
}

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
	// The most publishes that may wait for their acknowledgement.
	asyncWindow = 1024
	fetchSize   = 500
)

// freshStream creates the stream again, over a connection that is not measured.
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
	// The stream is in memory, because the bench does not measure disks.
	_, err = js.CreateStream(ctx, jetstream.StreamConfig{
		Name: streamName, Subjects: []string{c.Subscribe}, Storage: jetstream.MemoryStorage,
	})
	return nc, js, err
}

// publishAll publishes the messages and waits for every acknowledgement.
func publishAll(js jetstream.JetStream, c *Command) error {
	payload := make([]byte, c.Size)
	// A saturating publisher waits whenever asyncWindow publishes are in flight. By default nats.go gives up after 200 ms.
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
		// Messages of other work must not be stored.
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

// waitForAcknowledgements polls until the consumer has seen every acknowledgement. nats-server puts acknowledgements
// into a queue of the consumer (consumer.go processInboundAcks), and neither a PONG nor its consumer info waits for
// that queue.
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

// prepareJetStreamPull fetches the stored messages in batches and acknowledges each of them.
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
		// Messages of other work must not be stored.
		defer own.DeleteStream(context.Background(), streamName)
		return waitForAcknowledgements(consumer, uint64(c.Messages))
	}
	return &piece{timed: timed, finish: finish}, nil
}

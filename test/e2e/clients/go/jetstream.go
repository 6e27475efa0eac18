package main

import (
	"context"
	"errors"

	"github.com/nats-io/nats.go/jetstream"
)

type streamMessages struct {
	Messages       []message `json:"messages"`
	Unacknowledged int       `json:"unacknowledged"`
}

// change is a change of a key.
type change struct {
	Key       string `json:"key"`
	Value     string `json:"value"`
	Operation string `json:"operation"`
}

var operations = map[jetstream.KeyValueOp]string{
	jetstream.KeyValuePut:    "PUT",
	jetstream.KeyValueDelete: "DEL",
	jetstream.KeyValuePurge:  "PURGE",
}

func (conn *connection) stream() (jetstream.JetStream, context.Context, context.CancelFunc, error) {
	js, err := jetstream.New(conn.Conn)
	ctx, cancel := context.WithTimeout(context.Background(), conn.timeout)
	return js, ctx, cancel, err
}

func (conn *connection) createStream(c call) (any, error) {
	js, ctx, cancel, err := conn.stream()
	defer cancel()
	if err != nil {
		return nil, err
	}
	_, err = js.CreateStream(ctx, jetstream.StreamConfig{Name: c.Stream, Subjects: c.Subjects})
	return nil, err
}

func (conn *connection) publishToStream(c call) (any, error) {
	js, ctx, cancel, err := conn.stream()
	defer cancel()
	if err != nil {
		return nil, err
	}
	ack, err := js.Publish(ctx, c.Subject, []byte(c.Data))
	if err != nil {
		return nil, err
	}
	return ack.Sequence, nil
}

// take acknowledges m and waits for the answer to the acknowledgement.
func take(ctx context.Context, m jetstream.Msg) (message, error) {
	return messageOf(m.Subject(), m.Data(), m.Headers()), m.DoubleAck(ctx)
}

func (conn *connection) pull(c call) (any, error) {
	js, ctx, cancel, err := conn.stream()
	defer cancel()
	if err != nil {
		return nil, err
	}
	config := jetstream.ConsumerConfig{Durable: "pull", AckPolicy: jetstream.AckExplicitPolicy}
	consumer, err := js.CreateConsumer(ctx, c.Stream, config)
	if err != nil {
		return nil, err
	}
	batch, err := consumer.Fetch(c.Count, jetstream.FetchMaxWait(conn.timeout))
	if err != nil {
		return nil, err
	}
	var taken streamMessages
	for m := range batch.Messages() {
		one, err := take(ctx, m)
		if err != nil {
			return nil, err
		}
		taken.Messages = append(taken.Messages, one)
	}
	if err := batch.Error(); err != nil {
		return nil, err
	}
	info, err := consumer.Info(ctx)
	if err != nil {
		return nil, err
	}
	taken.Unacknowledged = info.NumAckPending
	return taken, nil
}

func (conn *connection) push(c call) (any, error) {
	js, ctx, cancel, err := conn.stream()
	defer cancel()
	if err != nil {
		return nil, err
	}
	consumer, err := js.CreatePushConsumer(ctx, c.Stream, jetstream.ConsumerConfig{
		Durable: "push", AckPolicy: jetstream.AckExplicitPolicy, DeliverSubject: c.Deliver,
	})
	if err != nil {
		return nil, err
	}
	delivered := newMailbox[jetstream.Msg]()
	consuming, err := consumer.Consume(func(m jetstream.Msg) { delivered <- m })
	if err != nil {
		return nil, err
	}
	defer consuming.Stop()
	messages, err := delivered.take(c.Count, conn.timeout)
	if err != nil {
		return nil, err
	}
	var taken streamMessages
	for _, m := range messages {
		one, err := take(ctx, m)
		if err != nil {
			return nil, err
		}
		taken.Messages = append(taken.Messages, one)
	}
	info, err := consumer.Info(ctx)
	if err != nil {
		return nil, err
	}
	taken.Unacknowledged = info.NumAckPending
	return taken, nil
}

func (conn *connection) createBucket(c call) (any, error) {
	js, ctx, cancel, err := conn.stream()
	defer cancel()
	if err != nil {
		return nil, err
	}
	_, err = js.CreateKeyValue(ctx, jetstream.KeyValueConfig{Bucket: c.Bucket})
	return nil, err
}

// withBucket calls do with an existing bucket.
func (conn *connection) withBucket(c call, do func(context.Context, jetstream.KeyValue) (any, error)) (any, error) {
	js, ctx, cancel, err := conn.stream()
	defer cancel()
	if err != nil {
		return nil, err
	}
	bucket, err := js.KeyValue(ctx, c.Bucket)
	if err != nil {
		return nil, err
	}
	return do(ctx, bucket)
}

func (conn *connection) putKey(c call) (any, error) {
	return conn.withBucket(c, func(ctx context.Context, bucket jetstream.KeyValue) (any, error) {
		return bucket.Put(ctx, c.Key, []byte(c.Value))
	})
}

func (conn *connection) getKey(c call) (any, error) {
	return conn.withBucket(c, func(ctx context.Context, bucket jetstream.KeyValue) (any, error) {
		entry, err := bucket.Get(ctx, c.Key)
		if errors.Is(err, jetstream.ErrKeyNotFound) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		return string(entry.Value()), nil
	})
}

func (conn *connection) deleteKey(c call) (any, error) {
	return conn.withBucket(c, func(ctx context.Context, bucket jetstream.KeyValue) (any, error) {
		return nil, bucket.Delete(ctx, c.Key)
	})
}

func (conn *connection) watchKeys(c call) (any, error) {
	return conn.withBucket(c, func(_ context.Context, bucket jetstream.KeyValue) (any, error) {
		// The watch ends with the connection, not with this call.
		watcher, err := bucket.WatchAll(context.Background())
		if err != nil {
			return nil, err
		}
		changes := newMailbox[change]()
		go func() {
			for entry := range watcher.Updates() {
				// nil means that all initial values have come.
				if entry != nil {
					changes <- change{entry.Key(), string(entry.Value()), operations[entry.Operation()]}
				}
			}
		}()
		conn.mu.Lock()
		defer conn.mu.Unlock()
		conn.watches = append(conn.watches, changes)
		return len(conn.watches) - 1, nil
	})
}

func (conn *connection) takeChanges(c call) (any, error) {
	conn.mu.Lock()
	changes := conn.watches[c.Watch]
	conn.mu.Unlock()
	return changes.take(c.Count, conn.timeout)
}

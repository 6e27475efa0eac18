package istionats;

import io.nats.client.Connection;
import io.nats.client.JetStream;
import io.nats.client.JetStreamManagement;
import io.nats.client.JetStreamOptions;
import io.nats.client.JetStreamSubscription;
import io.nats.client.KeyValue;
import io.nats.client.KeyValueOptions;
import io.nats.client.Message;
import io.nats.client.PullSubscribeOptions;
import io.nats.client.PushSubscribeOptions;
import io.nats.client.api.AckPolicy;
import io.nats.client.api.ConsumerConfiguration;
import io.nats.client.api.KeyValueConfiguration;
import io.nats.client.api.KeyValueEntry;
import io.nats.client.api.KeyValueWatcher;
import io.nats.client.api.StreamConfiguration;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeoutException;

/** The calls that need JetStream. */
final class StreamCalls {
  record Taken(List<OpenConnection.Received> messages, long unacknowledged) {}

  record Change(String key, String value, String operation) {}

  /** Long enough for none to come. What makes jnats answer requests for flow control comes with it. */
  private static final Duration HEARTBEAT = Duration.ofMinutes(1);

  private final Connection connection;
  private final Duration timeout;
  private final JetStreamOptions options;
  private final JetStream stream;
  private final JetStreamManagement management;
  private final List<Mailbox<Change>> watches = new CopyOnWriteArrayList<>();

  StreamCalls(Connection connection, Duration timeout) throws IOException {
    this.connection = connection;
    this.timeout = timeout;
    options = JetStreamOptions.builder().requestTimeout(timeout).build();
    stream = connection.jetStream(options);
    management = connection.jetStreamManagement(options);
  }

  Object answer(Call call) throws Exception {
    switch (call.call()) {
      case "create_stream" ->
          management.addStream(
              StreamConfiguration.builder().name(call.stream()).subjects(call.subjects()).build());
      case "publish_to_stream" -> {
        return stream.publish(call.subject(), call.data().getBytes(StandardCharsets.UTF_8)).getSeqno();
      }
      case "pull" -> {
        management.createConsumer(call.stream(), durable("pull").build());
        PullSubscribeOptions bound = PullSubscribeOptions.bind(call.stream(), "pull");
        return taken(stream.subscribe(null, bound), call.count());
      }
      case "push" -> {
        management.createConsumer(
            call.stream(), durable("push").deliverSubject(call.deliver()).flowControl(HEARTBEAT).build());
        PushSubscribeOptions bound = PushSubscribeOptions.bind(call.stream(), "push");
        return taken(stream.subscribe(null, bound), call.count());
      }
      case "create_bucket" ->
          connection
              .keyValueManagement(KeyValueOptions.builder(options).build())
              .create(KeyValueConfiguration.builder().name(call.bucket()).build());
      case "put_key" -> {
        return bucket(call).put(call.key(), call.value());
      }
      case "get_key" -> {
        KeyValueEntry entry = bucket(call).get(call.key());
        return entry == null ? null : entry.getValueAsString();
      }
      case "delete_key" -> bucket(call).delete(call.key());
      case "watch_keys" -> {
        return watch(bucket(call));
      }
      case "take_changes" -> {
        return watches.get(call.watch()).take(call.count(), timeout);
      }
      default -> throw new IllegalArgumentException("there is no call " + call.call());
    }
    return null;
  }

  private static ConsumerConfiguration.Builder durable(String name) {
    return ConsumerConfiguration.builder().durable(name).ackPolicy(AckPolicy.Explicit);
  }

  private KeyValue bucket(Call call) throws IOException {
    return connection.keyValue(call.bucket(), KeyValueOptions.builder(options).build());
  }

  /** Acknowledges {@code count} messages, and waits for the answer to each acknowledgement. */
  private Taken taken(JetStreamSubscription subscription, int count) throws Exception {
    boolean isPull = subscription.getConsumerInfo().getConsumerConfiguration().getDeliverSubject() == null;
    List<OpenConnection.Received> messages = new ArrayList<>();
    while (messages.size() < count) {
      List<Message> some =
          isPull ? subscription.fetch(count - messages.size(), timeout) : next(subscription);
      if (some.isEmpty()) throw new TimeoutException(messages.size() + " of " + count + " came in time");
      for (Message message : some) {
        message.ackSync(timeout);
        messages.add(OpenConnection.Received.of(message));
      }
    }
    return new Taken(messages, subscription.getConsumerInfo().getNumAckPending());
  }

  private List<Message> next(JetStreamSubscription subscription) throws InterruptedException {
    Message message = subscription.nextMessage(timeout);
    return message == null ? List.of() : List.of(message);
  }

  private synchronized int watch(KeyValue bucket) throws Exception {
    Mailbox<Change> changes = new Mailbox<>();
    bucket.watchAll(
        new KeyValueWatcher() {
          @Override
          public void watch(KeyValueEntry entry) {
            String value = entry.getValue() == null ? "" : entry.getValueAsString();
            changes.put(new Change(entry.getKey(), value, entry.getOperation().getHeaderValue()));
          }

          @Override
          public void endOfData() {}
        });
    watches.add(changes);
    return watches.size() - 1;
  }
}

package istionats;

import io.nats.client.Connection;
import io.nats.client.ConnectionListener;
import io.nats.client.Dispatcher;
import io.nats.client.ErrorListener;
import io.nats.client.Message;
import io.nats.client.MessageHandler;
import io.nats.client.Nats;
import io.nats.client.Options;
import io.nats.client.Subscription;
import io.nats.client.impl.Headers;
import io.nats.client.impl.NatsMessage;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicLong;

/** One connection of the tests. */
final class OpenConnection {
  /** A message as the tests want it. */
  record Received(String subject, String data, Map<String, List<String>> headers) {
    static Received of(Message message) {
      Map<String, List<String>> headers = new HashMap<>();
      if (message.getHeaders() != null) message.getHeaders().forEach(headers::put);
      return new Received(message.getSubject(), new String(message.getData(), StandardCharsets.UTF_8), headers);
    }
  }

  private record Listening(Subscription subscription, Mailbox<Received> messages) {}

  private final Duration timeout;
  private final Mailbox<String> errors = new Mailbox<>();
  private final AtomicLong reconnects = new AtomicLong();
  private final AtomicLong handled = new AtomicLong();
  private final List<Listening> subscriptions = new CopyOnWriteArrayList<>();
  private final Connection connection;
  private final Dispatcher dispatcher;
  private final StreamCalls stream;

  private OpenConnection(Call call) throws Exception {
    timeout = Duration.ofMillis(call.timeout());
    Options.Builder options =
        new Options.Builder()
            .server(call.url())
            .reconnectWait(Duration.ofMillis(call.reconnectWait()))
            // With none jnats draws a number below 0 from its generator, which throws, and never tries again.
            .reconnectJitter(Duration.ofMillis(1))
            .reconnectJitterTls(Duration.ofMillis(1))
            // It may take a busy machine seconds to start nats-server again, and to connect.
            .maxReconnects(-1)
            .connectionTimeout(timeout)
            // Otherwise a request that nobody answers is only cancelled.
            .reportNoResponders()
            .errorListener(
                new ErrorListener() {
                  @Override
                  public void errorOccurred(Connection connection, String error) {
                    errors.put(error);
                  }
                })
            .connectionListener(
                new ConnectionListener() {
                  @Override
                  @SuppressWarnings("deprecation") // It is the one method that must be there.
                  public void connectionEvent(Connection connection, Events event) {
                    if (event == Events.RECONNECTED) reconnects.incrementAndGet();
                  }
                });
    if (!call.user().isEmpty()) options.userInfo(call.user(), call.user());
    if (call.tls() != null) options.sslContext(call.tls().context()).tlsFirst();
    connection = Nats.connect(options.build());
    dispatcher = connection.createDispatcher();
    stream = new StreamCalls(connection, timeout);
  }

  static OpenConnection open(Call call) throws Exception {
    return new OpenConnection(call);
  }

  Object answer(Call call) throws Exception {
    switch (call.call()) {
      case "publish" -> connection.publish(messageOf(call));
      case "request" -> {
        // Not request(), which returns null for every failure.
        return Received.of(connection.requestWithTimeout(messageOf(call), timeout).get());
      }
      case "subscribe" -> {
        return subscribe(call);
      }
      case "take" -> {
        return subscriptions.get(call.subscription()).messages().take(call.count(), timeout);
      }
      case "take_all" -> {
        return subscriptions.get(call.subscription()).messages().takeAll();
      }
      case "unsubscribe" -> dispatcher.unsubscribe(subscriptions.get(call.subscription()).subscription());
      case "flush" -> flush();
      case "errors" -> {
        return errors.takeAll();
      }
      case "reconnects" -> {
        return reconnects.get();
      }
      case "drain" -> connection.drain(timeout).get(timeout.toMillis(), TimeUnit.MILLISECONDS);
      case "close" -> connection.close();
      default -> {
        return stream.answer(call);
      }
    }
    return null;
  }

  private static Message messageOf(Call call) {
    Headers headers = new Headers();
    if (call.headers() != null) call.headers().forEach(headers::add);
    return NatsMessage.builder()
        .subject(call.subject())
        .replyTo(call.reply())
        .headers(headers)
        .data(call.data(), StandardCharsets.UTF_8)
        .build();
  }

  private synchronized int subscribe(Call call) {
    Mailbox<Received> messages = new Mailbox<>();
    MessageHandler handler =
        message -> {
          messages.put(Received.of(message));
          if (message.getReplyTo() != null && call.answers() != null) {
            for (String answer : call.answers()) {
              byte[] data = answer.getBytes(StandardCharsets.UTF_8);
              connection.publish(message.getReplyTo(), message.getHeaders(), data);
            }
          }
          handled.incrementAndGet();
        };
    Subscription subscription =
        call.queue() == null
            ? dispatcher.subscribe(call.subject(), handler)
            : dispatcher.subscribe(call.subject(), call.queue(), handler);
    subscriptions.add(new Listening(subscription, messages));
    return subscriptions.size() - 1;
  }

  /** jnats runs the callbacks of subscriptions apart from its reader. */
  private void flush() throws InterruptedException, TimeoutException {
    connection.flush(timeout);
    long deadline = System.nanoTime() + timeout.toNanos();
    while (dispatcher.getPendingMessageCount() > 0 || dispatcher.getDeliveredCount() > handled.get()) {
      if (System.nanoTime() > deadline) throw new TimeoutException("a subscription's callback hangs");
      Thread.sleep(1);
    }
  }
}

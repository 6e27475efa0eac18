package istionats;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** Holds what a callback received until a test takes it. */
final class Mailbox<T> {
  private final LinkedBlockingQueue<T> items = new LinkedBlockingQueue<>();

  void put(T item) {
    items.add(item);
  }

  /** Waits for {@code count} items and takes them. */
  List<T> take(int count, Duration timeout) throws InterruptedException, TimeoutException {
    long deadline = System.nanoTime() + timeout.toNanos();
    List<T> taken = new ArrayList<>();
    while (taken.size() < count) {
      T item = items.poll(deadline - System.nanoTime(), TimeUnit.NANOSECONDS);
      if (item == null) throw new TimeoutException(taken.size() + " of " + count + " came in time: " + taken);
      taken.add(item);
    }
    return taken;
  }

  /** Takes what has arrived so far. */
  List<T> takeAll() {
    List<T> taken = new ArrayList<>();
    items.drainTo(taken);
    return taken;
  }
}

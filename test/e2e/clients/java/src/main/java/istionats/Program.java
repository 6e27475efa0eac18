package istionats;

import com.google.gson.FieldNamingPolicy;
import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/** Does with jnats what the end-to-end tests ask for, with one JSON object per line on stdin and stdout; see ../remote.ts. */
final class Program {
  private static final Gson JSON =
      new GsonBuilder().setFieldNamingPolicy(FieldNamingPolicy.LOWER_CASE_WITH_UNDERSCORES).serializeNulls().create();

  private final List<OpenConnection> connections = new CopyOnWriteArrayList<>();
  private final PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);

  public static void main(String[] arguments) throws IOException {
    Program program = new Program();
    ExecutorService calls = Executors.newCachedThreadPool();
    BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      Call call = JSON.fromJson(line, Call.class);
      calls.execute(() -> program.answer(call));
    }
    // Connections that a failed test left open would keep the program alive.
    System.exit(0);
  }

  private void answer(Call call) {
    Map<String, Object> answer = new HashMap<>();
    answer.put("id", call.id());
    try {
      answer.put("result", result(call));
    } catch (Exception failure) { // Every failure of the library goes to the tests, which judge it.
      answer.put("error", failure.getMessage() == null ? failure.toString() : failure.getMessage());
    }
    String line = JSON.toJson(answer);
    synchronized (out) {
      out.println(line);
    }
  }

  private Object result(Call call) throws Exception {
    if (!call.call().equals("connect")) return connections.get(call.connection()).answer(call);
    OpenConnection opened = OpenConnection.open(call);
    synchronized (connections) {
      connections.add(opened);
      return connections.size() - 1;
    }
  }
}

package istionats;

import java.util.List;
import java.util.Map;

/** One line of stdin: the name of a call, and the arguments of all calls. */
record Call(
    int id,
    String call,
    int connection,
    int subscription,
    int watch,
    int count,
    String url,
    String user,
    TlsFiles tls,
    long timeout,
    long reconnectWait,
    String subject,
    String data,
    String reply,
    Map<String, String> headers,
    String queue,
    List<String> answers,
    String stream,
    List<String> subjects,
    String deliver,
    String bucket,
    String key,
    String value) {}

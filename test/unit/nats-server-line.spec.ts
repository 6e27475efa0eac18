import { hashBytes } from "../../assembly/bytes/hash";
import { Operation, Reading } from "../../assembly/nats/operation";
import { SERVER_LINE_LIMIT, ServerLine } from "../../assembly/nats/server-line";
import { Bytes, latin1At } from "./latin1-support";

const line = new ServerLine();

function read(text: string): string {
  const bytes = new Bytes(text);
  const reading = line.read(bytes.pointer, bytes.end);
  if (reading == Reading.INCOMPLETE) return "incomplete";
  if (reading != Reading.COMPLETE) return reading == Reading.LINE_TOO_LONG ? "too long" : "no NATS";
  const subject = latin1At(line.subject, line.subjectLength);
  const sid = latin1At(line.sid, line.sidLength);
  const reply = latin1At(line.reply, line.replyLength);
  switch (line.operation) {
    case Operation.MSG:
      if (line.hasLineBreak) return `MSG with a line break ${line.size}`;
      expect(line.sidHash).toBe(hashBytes(line.sid, line.sidLength));
      return `MSG [${subject}][${sid}][${reply}] ${line.size}`;
    case Operation.HMSG:
      return `HMSG [${subject}][${sid}][${reply}] ${line.headerLength} ${line.size}`;
    case Operation.INFO:
      return `INFO [${latin1At(line.argument, line.argumentLength)}]`;
    case Operation.ERR:
      return `-ERR [${latin1At(line.argument, line.argumentLength)}]`;
    case Operation.PING:
      return "PING";
    case Operation.PONG:
      return "PONG";
    case Operation.OK:
      return "+OK";
  }
  return "?";
}

describe("a line of nats-server", () => {
  it("is MSG or HMSG, with or without a reply, and the size is always last", () => {
    expect(read("MSG a.b 1 5\r\nhello\r\n")).toBe("MSG [a.b][1][] 5");
    expect(read("MSG a.b 1 r 0005\r\n")).toBe("MSG [a.b][1][r] 5");
    expect(read("HMSG a 1 12 13\r\n")).toBe("HMSG [a][1][] 12 13");
    expect(read("HMSG a sid r 0 0\r\n")).toBe("HMSG [a][sid][r] 0 0");
  });

  it("is INFO, -ERR, +OK, PING or PONG", () => {
    expect(read('INFO {"a":1} \r\n')).toBe('INFO [{"a":1} ]');
    expect(read("-ERR 'Stale Connection'\r\n")).toBe("-ERR ['Stale Connection']");
    expect(read("+OK\r\n")).toBe("+OK");
    expect(read("PING\r\n")).toBe("PING");
    expect(read("PONG\r\n")).toBe("PONG");
  });

  it("is incomplete at every cut", () => {
    const lines = [
      "MSG a 1 r 12\r\n",
      "HMSG a 1 r 1 2\r\n",
      "INFO {}\r\n",
      "-ERR 'x'\r\n",
      "+OK\r\n",
      "PING\r\n",
      "PONG\r\n",
    ];
    for (let i = 0; i < lines.length; i++) {
      for (let at = 0; at < lines[i].length; at++) expect(read(lines[i].substring(0, at))).toBe("incomplete");
      expect(read(lines[i]) != "incomplete").toBe(true);
    }
  });

  it("is never what only a client says, nor a message whose arguments are not nats-server's", () => {
    const wrong = [
      "PUB a 1\r\n",
      "SUB a 1\r\n",
      "CONNECT {}\r\n",
      "\r\n",
      "HTTP/1.1 400\r\n",
      "\x16\x03\x01",
      "PX",
      "MSGa 1 1\r\n",
      "MSG\ta 1 1\r\n",
      "MSG 5\r\n",
      "MSG a  5\r\n",
      "MSG a 1 x\r\n",
      "MSG a 1 -1\r\n",
      "MSG a 1 1234567890\r\n",
      "MSG a 1 r 2 3\r\n",
      "MSG a 1 \r\n",
      "HMSG a 1 5\r\n",
      "HMSG a 1 6 5\r\n",
      "HMSG a 1 x 5\r\n",
      "HMSG a 1 r x 5\r\n",
    ];
    for (let i = 0; i < wrong.length; i++) expect(read(wrong[i])).toBe("no NATS");
  });

  it("may have a line break in its subject, if a publisher behind no filter put it there: its size is still known", () => {
    expect(read("MSG \nfoo 1 5\r\n")).toBe("MSG with a line break 5");
    expect(read("MSG a\rb 1 r 7\r\n")).toBe("MSG with a line break 7");
    expect(read("MSG a 1 7\r\n")).toBe("MSG [a][1][] 7");
    expect(read("MSG a\nMSG b 1 7\r\n")).toBe("MSG with a line break 7");
    expect(read("MSG a\t2 1 7\r\n")).toBe("MSG with a line break 7");
    expect(read("MSG a 1 r\t2 7\r\n")).toBe("MSG with a line break 7");
    expect(read("MSG a\r\nMSG\tb\t1\t1\r\nx\r\n 1 7\r\n")).toBe("no NATS");
    expect(read("MSG a\nb 1 x\r\n")).toBe("no NATS");
    expect(read("MSG a 1 5\n\r\n")).toBe("no NATS");
    expect(read("MSG a\nb 1 7\r")).toBe("incomplete");
    expect(read("MSG a\nb 1 7")).toBe("incomplete");
    expect(read("MSG \n" + "x".repeat(SERVER_LINE_LIMIT + 1))).toBe("too long");
  });

  it("has a bound", () => {
    expect(read("-ERR '" + "x".repeat(SERVER_LINE_LIMIT))).toBe("too long");
    expect(read("MSG " + "x".repeat(SERVER_LINE_LIMIT + 1))).toBe("too long");
    expect(read("MSG a " + "x".repeat(SERVER_LINE_LIMIT + 1))).toBe("too long");
    expect(read("MSG a 1 " + "x".repeat(SERVER_LINE_LIMIT + 1))).toBe("too long");
    expect(read("INFO " + "x".repeat(60_000))).toBe("incomplete");
  });
});

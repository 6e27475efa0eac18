import { ClientLine, PADDING_LIMIT } from "../../assembly/nats/client-line";
import { NOT_A_SIZE, readSize } from "../../assembly/nats/numbers";
import { Operation, Reading } from "../../assembly/nats/operation";
import { Bytes, latin1At } from "./latin1-support";

const line = new ClientLine();

/** What the first line of `text` is: arguments in brackets, or what is wrong with it. */
function read(text: string, limit: i32 = 4096): string {
  const bytes = new Bytes(text);
  const reading = line.read(bytes.pointer, bytes.end, limit);
  if (reading == Reading.INCOMPLETE) return "incomplete";
  if (reading == Reading.UNKNOWN_OPERATION) return "unknown operation";
  if (reading == Reading.BAD_ARGUMENTS) return "bad arguments";
  if (reading == Reading.LINE_TOO_LONG) return "too long";
  const rest = bytes.length - <i32>(line.next - bytes.pointer);
  const tail = rest > 0 ? " +" + rest.toString() : "";
  const subject = latin1At(line.subject, line.subjectLength);
  switch (line.operation) {
    case Operation.PUB:
      expect(line.headerLength).toBe(0);
      return `PUB [${subject}][${latin1At(line.reply, line.replyLength)}] ${line.size}` + tail;
    case Operation.HPUB:
      return `HPUB [${subject}][${latin1At(line.reply, line.replyLength)}] ${line.headerLength} ${line.size}` + tail;
    case Operation.SUB:
      return (
        `SUB [${subject}][${latin1At(line.queue, line.queueLength)}][${latin1At(line.sid, line.sidLength)}]` + tail
      );
    case Operation.UNSUB:
      return `UNSUB [${latin1At(line.sid, line.sidLength)}] ${line.maxMessages}` + tail;
    case Operation.CONNECT:
      return `CONNECT [${latin1At(line.argument, line.argumentLength)}]` + tail;
    case Operation.INFO:
      return `INFO [${latin1At(line.argument, line.argumentLength)}]` + tail;
    case Operation.PING:
      return (line.hasTail ? "PING with tail" : "PING") + tail;
    case Operation.PONG:
      return (line.hasTail ? "PONG with tail" : "PONG") + tail;
    case Operation.OK:
      return (line.hasTail ? "+OK with tail" : "+OK") + tail;
  }
  return "?";
}

describe("a size", () => {
  it("is one to nine digits, as nats-server's parseSize reads them", () => {
    const texts = [
      "0",
      "5",
      "0002",
      "123456789",
      "000000001",
      "",
      "1234567890",
      "0000000001",
      "-1",
      "+1",
      "1.0",
      "0x1",
      "1 ",
      "a",
    ];
    const sizes = [0, 5, 2, 123456789, 1, -1, -1, -1, -1, -1, -1, -1, -1, -1];
    for (let i = 0; i < texts.length; i++) {
      const bytes = new Bytes(texts[i]);
      expect(readSize(bytes.pointer, bytes.length)).toBe(sizes[i]);
    }
    expect(NOT_A_SIZE).toBe(-1);
  });
});

describe("a line of a client", () => {
  it("is PUB with a subject, optionally a reply, and a size; the payload is not read", () => {
    expect(read("PUB a.b 5\r\nhello\r\n")).toBe("PUB [a.b][] 5 +7");
    expect(read("PUB a.b r 0\r\n\r\n")).toBe("PUB [a.b][r] 0 +2");
    expect(read("PUB a..b > 1\r\n")).toBe("PUB [a..b][>] 1");
  });

  it("is HPUB with both sizes, of which the first may not be above the second", () => {
    expect(read("HPUB a 12 13\r\n")).toBe("HPUB [a][] 12 13");
    expect(read("PUB a 13\r\n")).toBe("PUB [a][] 13");
    expect(read("HPUB a r 0 0\r\n")).toBe("HPUB [a][r] 0 0");
    expect(read("HPUB a 13 12\r\n")).toBe("bad arguments");
    expect(read("HPUB a x 12\r\n")).toBe("bad arguments");
    expect(read("HPUB a 12 x\r\n")).toBe("bad arguments");
    expect(read("HPUB a 1\r\n")).toBe("bad arguments");
    expect(read("HPUB a r 1 1 1\r\n")).toBe("bad arguments");
  });

  it("is SUB with a subject, optionally a queue, and a sid of any bytes", () => {
    expect(read("SUB a.> 1\r\n")).toBe("SUB [a.>][][1]");
    expect(read("SUB a q sid-\xff\r\n")).toBe("SUB [a][q][sid-\xff]");
    expect(read("SUB a\r\n")).toBe("bad arguments");
    expect(read("SUB a b c d\r\n")).toBe("bad arguments");
  });

  it("is UNSUB with a sid and optionally a maximum; a maximum that is not a number means now", () => {
    expect(read("UNSUB 1\r\n")).toBe("UNSUB [1] -1");
    expect(read("UNSUB 1 5\r\n")).toBe("UNSUB [1] 5");
    expect(read("UNSUB 1 x\r\n")).toBe("UNSUB [1] -1");
    expect(read("UNSUB \r\n")).toBe("bad arguments");
    expect(read("UNSUB 1 2 3\r\n")).toBe("bad arguments");
  });

  it("is CONNECT or INFO with everything that follows, with or without a blank before it", () => {
    expect(read('CONNECT {"a": 1}\r\n')).toBe('CONNECT [{"a": 1}]');
    expect(read("CONNECT{}\n")).toBe("CONNECT [{}]");
    expect(read("INFO {} \r\nx")).toBe("INFO [{} ] +1");
    expect(read("CONNECT\r\n")).toBe("CONNECT []");
  });

  it("is PING, PONG or +OK, whatever follows up to the LF", () => {
    expect(read("PING\r\nPING\r\n")).toBe("PING +6");
    expect(read("PING\n")).toBe("PING");
    expect(read("PING foo PUB x 1\r\n")).toBe("PING with tail");
    expect(read("PONGx\r\n")).toBe("PONG with tail");
    expect(read("PINGx\n")).toBe("PING with tail");
    expect(read("PONG\r\r\n")).toBe("PONG with tail");
    expect(read("+OK\r\n")).toBe("+OK");
    expect(read("+okay\n")).toBe("+OK with tail");
  });

  it("has its verb in any case and its arguments after any blanks, and ends with LF or CR LF", () => {
    expect(read("pub a 1\n")).toBe("PUB [a][] 1");
    expect(read("PuB \t  a\t\tr \t 1 \t\r\n")).toBe("PUB [a][r] 1");
    expect(read("hPuB\ta 1 1\r\n")).toBe("HPUB [a][] 1 1");
    expect(read("unsub 1\n")).toBe("UNSUB [1] -1");
    expect(read("ping\n")).toBe("PING");
    expect(read("+ok\n")).toBe("+OK");
  });

  it("takes every byte except blanks and line ends as part of an argument", () => {
    expect(read("SUB a\x00\x0b\x0cb\xa0 1\r\n")).toBe("SUB [a\x00\x0b\x0cb\xa0][][1]");
    expect(read("SUB \x00 1\r\n")).toBe("SUB [\x00][][1]");
  });

  it("is nothing else: other verbs, other beginnings and a missing blank are wrong", () => {
    const wrong = [
      "\r\n",
      "\n",
      " PING\r\n",
      "X",
      "\x00",
      "\x10UB a 1\r\n",
      "PXB",
      "PUX",
      "PIX",
      "POX",
      "SUX",
      "HMSG a 1 1 1\r\n",
      "HPUX",
      "UNSUX",
      "CONNECX",
      "INFX",
      "+OX",
      "\x0bOK\r\n",
      "-ERR 'x'\r\n",
      "MSG a 1 1\r\n",
      "RS+ a\r\n",
      "LS+ a\r\n",
      "A+ a\r\n",
      "PUB\r\n",
      "PUBX",
      "SUB\n",
      "UNSUB1\r\n",
      "HPUB\x0b",
    ];
    for (let i = 0; i < wrong.length; i++) expect(read(wrong[i])).toBe("unknown operation");
  });

  it("is refused if nats-server's reading would depend on how the bytes were cut: a lone CR, a LF after the verb", () => {
    const wrong = [
      "PUB f\roo 12\r\n",
      "SUB a\r 1\r\n",
      "CONNECT {\r}\r\n",
      "UNSUB 1\r\r\n",
      "PUB \nfoo 2\r\n",
      "SUB \na 1\r\n",
      "UNSUB \t\n",
    ];
    for (let i = 0; i < wrong.length; i++) expect(read(wrong[i])).toBe("unknown operation");
    expect(read("PUB \r\n")).toBe("bad arguments");
    // Whether a LF follows is not known yet.
    expect(read("UNSUB 1\r")).toBe("incomplete");
  });

  it("has two or three arguments for PUB, and never more than the parser can count", () => {
    expect(read("PUB a\r\n")).toBe("bad arguments");
    expect(read("PUB a b c 1\r\n")).toBe("bad arguments");
    expect(read("PUB " + "a ".repeat(500) + "\r\n")).toBe("bad arguments");
    expect(read("PUB a 1x\r\n")).toBe("bad arguments");
    expect(read("PUB a 1234567890\r\n")).toBe("bad arguments");
  });

  it("is incomplete at every cut, and then whole", () => {
    const lines = [
      "PUB a.b r 12\r\n",
      "HPUB a 1 2\r\n",
      "SUB a q 1\r\n",
      "UNSUB 1 2\r\n",
      "CONNECT {}\r\n",
      "PING\r\n",
      "PONG\r\n",
      "+OK\r\n",
      "INFO {}\r\n",
    ];
    for (let i = 0; i < lines.length; i++) {
      for (let at = 0; at < lines[i].length; at++) expect(read(lines[i].substring(0, at))).toBe("incomplete");
      expect(read(lines[i]) != "incomplete").toBe(true);
    }
  });

  it("may have as many argument bytes as the limit says, and is too long as soon as there is one more", () => {
    expect(read("SUB 1234567 1\r\n", 9)).toBe("SUB [1234567][][1]");
    expect(read("SUB    1234567 1\n", 9)).toBe("SUB [1234567][][1]");
    expect(read("SUB 1234567 1 \r\n", 9)).toBe("too long");
    expect(read("SUB 12345678 1\r\n", 9)).toBe("too long");
    expect(read("SUB 123456789", 9)).toBe("incomplete");
    expect(read("SUB 1234567890", 9)).toBe("too long");
    expect(read("CONNECT 1234567890", 9)).toBe("too long");
    expect(read("PING1234567890", 9)).toBe("incomplete");
    expect(read("PING12345678901", 9)).toBe("too long");
    expect(read("PING123456789\r\n", 9)).toBe("PING with tail");
  });

  it("may have blanks before its arguments up to a bound of their own", () => {
    const fits = " ".repeat(PADDING_LIMIT - 100);
    const over = " ".repeat(PADDING_LIMIT + 100);
    expect(read("PUB" + fits + "a 1\r\n")).toBe("PUB [a][] 1");
    expect(read("PUB" + fits)).toBe("incomplete");
    expect(read("PUB" + over)).toBe("too long");
    expect(read("PUB" + over + "a 1\r\n")).toBe("too long");
  });
});

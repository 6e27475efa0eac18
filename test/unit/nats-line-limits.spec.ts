import { ClientLine, PADDING_LIMIT } from "../../assembly/nats/client-line";
import { Reading } from "../../assembly/nats/operation";
import { SERVER_LINE_LIMIT, ServerLine } from "../../assembly/nats/server-line";
import { lengthOf, pointerTo } from "./bytes-support";

/** nats-server's default max_control_line. */
const LIMIT: i32 = 4096;

const client = new ClientLine();
const server = new ServerLine();

function nameOf(reading: Reading): string {
  switch (reading) {
    case Reading.COMPLETE:
      return "complete";
    case Reading.INCOMPLETE:
      return "incomplete";
    case Reading.UNKNOWN_OPERATION:
      return "unknown operation";
    case Reading.BAD_ARGUMENTS:
      return "bad arguments";
  }
  return "too long";
}

function fromClient(text: string): string {
  const pointer = pointerTo(text);
  return nameOf(client.read(pointer, pointer + <usize>lengthOf(text), LIMIT));
}

function fromServer(text: string): string {
  const pointer = pointerTo(text);
  return nameOf(server.read(pointer, pointer + <usize>lengthOf(text)));
}

/**
 * Reads every prefix of `text`: "incomplete" up to some byte, and from there on always the same verdict. Returns the number of that
 * byte and the verdict.
 */
function verdict(text: string): string {
  const pointer = pointerTo(text);
  let found = "";
  for (let length = 0, all = lengthOf(text); length <= all; length++) {
    const reading = nameOf(client.read(pointer, pointer + <usize>length, LIMIT));
    if (found == "" && reading != "incomplete") found = `${length} ${reading}`;
    else if (found != "") assert(found.endsWith(" " + reading), `${text} at ${length}`);
  }
  return found;
}

describe("an error in a client's line", () => {
  it("is certain at the byte at which nats-server's parser gives up, and stays so", () => {
    const lines: StaticArray<string> = [
      "X",
      "\r\n",
      "\n",
      " PING",
      "\tPING",
      "MSG a 1 1",
      "RS+ a",
      "LS+ a",
      "A+ a",
      "-ERR x",
    ];
    for (let i = 0; i < lines.length; i++) expect(verdict(lines[i])).toBe("1 unknown operation");
    expect(verdict("PX")).toBe("2 unknown operation");
    expect(verdict("HMSG x 1 2 3\r\n")).toBe("2 unknown operation");
    expect(verdict("+X")).toBe("2 unknown operation");
    expect(verdict("PUXfoo bar baz")).toBe("3 unknown operation");
    expect(verdict("PINX foo bar")).toBe("4 unknown operation");
    expect(verdict("PUBX foo bar")).toBe("4 unknown operation");
    expect(verdict("PUB\r\n")).toBe("4 unknown operation");
    expect(verdict("UNSUB\n")).toBe("6 unknown operation");
    expect(verdict("CONNECX {}")).toBe("7 unknown operation");
    expect(verdict("PUB \nfoo 2\r\n")).toBe("5 unknown operation");
    expect(verdict("CONNECT \n{}\r\n")).toBe("9 unknown operation");
    expect(verdict("CONNECT\n{}\r\n")).toBe("8 unknown operation");
    expect(verdict("PUB f\roo 12\n")).toBe("7 unknown operation");
    expect(verdict("INFO {\r}\r\n")).toBe("8 unknown operation");
  });

  it("in an argument is certain only at the end of the line", () => {
    expect(verdict("PUB foo\r\n")).toBe("9 bad arguments");
    expect(verdict("PUB foo x\n")).toBe("10 bad arguments");
    expect(verdict("PUB foo 1234567890\r\n")).toBe("20 bad arguments");
    expect(verdict("HPUB foo 3 2\r\n")).toBe("14 bad arguments");
  });

  it("is absent if the line is right: every prefix waits for the last byte", () => {
    const lines: StaticArray<string> = [
      "PUB foo 0\r\n",
      "pub foo.bar _INBOX.x 999999999\r\n",
      "HPUB\tfoo\t12\t13\n",
      "SUB foo.> queue 1\r\n",
      "UNSUB 1 1234567890\r\n",
      'CONNECT{"verbose":false}\r\n',
      'INFO {"max_payload":1}\n',
      "PING\r\n",
      "PONG whatever PUB x 1\r\n",
      "+OK\n",
    ];
    for (let i = 0; i < lines.length; i++) expect(verdict(lines[i])).toBe(`${lengthOf(lines[i])} complete`);
  });
});

describe("the control line of a client", () => {
  it("may have 4,096 argument bytes and not 4,097, whether it ends with LF, with CR LF or not at all", () => {
    const heads: StaticArray<string> = ["PUB ", "HPUB ", "SUB ", "CONNECT ", "CONNECT", "INFO "];
    for (let i = 0; i < heads.length; i++) {
      const fits = heads[i] + "{" + "a".repeat(LIMIT - 1);
      const verdictOfRest = heads[i].startsWith("CONNECT") || heads[i] == "INFO " ? "complete" : "bad arguments";
      expect(fromClient(fits)).toBe("incomplete");
      expect(fromClient(fits + "\r")).toBe("incomplete");
      expect(fromClient(fits + "\r\n")).toBe(verdictOfRest);
      expect(fromClient(fits + "\n")).toBe(verdictOfRest);
      expect(fromClient(fits + "a")).toBe("too long");
      expect(fromClient(fits + "a\r\n")).toBe("too long");
      expect(fromClient(fits + "a\n")).toBe("too long");
    }
    expect(fromClient("UNSUB " + "a".repeat(LIMIT) + "\r\n")).toBe("complete");
    expect(fromClient("UNSUB " + "a".repeat(LIMIT + 1) + "\r\n")).toBe("too long");
  });

  it("counts blanks between and after the arguments, but not those before them", () => {
    const sid = "1".repeat(LIMIT - 4);
    expect(fromClient(`SUB \t  foo ${sid}\r\n`)).toBe("complete");
    expect(fromClient(`SUB foo  ${sid}\r\n`)).toBe("too long");
    expect(fromClient(`SUB foo ${sid} \r\n`)).toBe("too long");
  });

  it("bounds what follows PING, PONG and +OK, not counting its CR", () => {
    const verbs: StaticArray<string> = ["PING", "PONG", "+OK"];
    for (let i = 0; i < verbs.length; i++) {
      expect(fromClient(verbs[i] + "x".repeat(LIMIT) + "\r\n")).toBe("complete");
      expect(fromClient(verbs[i] + "x".repeat(LIMIT + 1))).toBe("incomplete");
      expect(fromClient(verbs[i] + "x".repeat(LIMIT + 2))).toBe("too long");
      expect(fromClient(verbs[i] + "x".repeat(LIMIT + 1) + "\r\n")).toBe("too long");
    }
  });

  it("may have up to 8,192 bytes of blanks before its arguments, the verb included", () => {
    expect(PADDING_LIMIT).toBe(8192);
    const fits = "SUB" + " ".repeat(PADDING_LIMIT - 3);
    expect(fromClient(fits)).toBe("incomplete");
    expect(fromClient(fits + "a 1\r\n")).toBe("complete");
    expect(fromClient(fits + " ")).toBe("too long");
    expect(fromClient(fits + " a 1\r\n")).toBe("too long");
  });
});

describe("the line of a broker", () => {
  it("is bounded by 262,144 bytes while it is unfinished, room for the longest topic of MQTT and the longest sid", () => {
    expect(SERVER_LINE_LIMIT).toBe(4 * 65536);
    const heads: StaticArray<string> = [
      "MSG ",
      "MSG a ",
      "MSG a 1 ",
      "MSG a 1 r ",
      "MSG a 1 r 2 ",
      "INFO ",
      "-ERR ",
      "MSG \n",
    ];
    for (let i = 0; i < heads.length; i++) {
      const fits = heads[i] + "x".repeat(SERVER_LINE_LIMIT - heads[i].length);
      expect(fromServer(fits)).toBe("incomplete");
      // A line with a break is read in pairs of bytes, so the bound is noticed a byte later.
      expect(fromServer(fits + (heads[i] == "MSG \n" ? "xx" : "x"))).toBe("too long");
    }
  });

  it("is bounded when it is finished, as MSG", () => {
    const tail = " 1 5";
    const fits = "MSG " + "x".repeat(SERVER_LINE_LIMIT - 4 - tail.length) + tail;
    expect(fromServer(fits + "\r\n")).toBe("complete");
    expect(fromServer("MSG x" + fits.substring(4) + "\r\n")).toBe("too long");
  });

  it("is bounded when it is finished, as INFO, -ERR, PING, PONG and +OK", () => {
    const heads: StaticArray<string> = ["INFO ", "-ERR ", "PING", "PONG", "+OK"];
    for (let i = 0; i < heads.length; i++) {
      const fits = heads[i] + "x".repeat(SERVER_LINE_LIMIT - 1 - heads[i].length);
      expect(fromServer(fits + "\r\n")).toBe("complete");
      expect(fromServer(fits + "xx\r\n")).toBe("too long");
    }
  });
});

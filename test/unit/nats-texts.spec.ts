import { FixedText } from "../../assembly/bytes/fixed-text";
import * as texts from "../../assembly/nats/texts";
import { revocationRoom, Violation, violationRoom, writeRevocation, writeViolation } from "../../assembly/nats/texts";
import { keep, lengthOf, pointerTo, textAt } from "./bytes-support";

function textOf(text: FixedText): string {
  return textAt(text.pointer, text.length);
}

/** The line, written into exactly the room that was asked for. It never needs more. */
function violation(kind: Violation, name: string, queue: string): string {
  const room = violationRoom(lengthOf(name), lengthOf(queue));
  const out = keep(new StaticArray<u8>(room));
  const length = writeViolation(kind, pointerTo(name), lengthOf(name), pointerTo(queue), lengthOf(queue), out);
  expect(length).toBeLessThanOrEqual(room);
  return textAt(out, length);
}

/** The same for a subscription that has ended. */
function revocation(subject: string, queue: string, sid: string): string {
  const room = revocationRoom(lengthOf(subject), lengthOf(queue), lengthOf(sid));
  const out = keep(new StaticArray<u8>(room));
  const length = writeRevocation(
    pointerTo(subject),
    lengthOf(subject),
    pointerTo(queue),
    lengthOf(queue),
    pointerTo(sid),
    lengthOf(sid),
    out,
  );
  expect(length).toBeLessThanOrEqual(room);
  return textAt(out, length);
}

// The texts as nats-server v2.15.2 sends them (client.go, errors.go and recorded sessions).
describe("the texts of a permissions violation", () => {
  it("name the subject of a publish", () => {
    expect(violation(Violation.PUBLISH, "foo", "")).toBe("-ERR 'Permissions Violation for Publish to \"foo\"'\r\n");
  });

  it("name the reply of a publish", () => {
    expect(violation(Violation.REPLY, "_R_.x", "")).toBe(
      "-ERR 'Permissions Violation for Publish with Reply of \"_R_.x\"'\r\n",
    );
  });

  it("name the subject of a subscription, and its queue if it has one", () => {
    expect(violation(Violation.SUBSCRIPTION, "foo.>", "")).toBe(
      "-ERR 'Permissions Violation for Subscription to \"foo.>\"'\r\n",
    );
    expect(violation(Violation.SUBSCRIPTION, "foo", "q")).toBe(
      '-ERR \'Permissions Violation for Subscription to "foo" using queue "q"\'\r\n',
    );
  });

  it("quote names as Go does", () => {
    expect(violation(Violation.PUBLISH, "a\"b\\c\x01'", "")).toBe(
      "-ERR 'Permissions Violation for Publish to \"a\\\"b\\\\c\\x01'\"'\r\n",
    );
    expect(violation(Violation.SUBSCRIPTION, "é", "\t")).toBe(
      '-ERR \'Permissions Violation for Subscription to "é" using queue "\\t"\'\r\n',
    );
  });

  it("may name nothing at all", () => {
    expect(violation(Violation.PUBLISH, "", "")).toBe("-ERR 'Permissions Violation for Publish to \"\"'\r\n");
  });

  it("fit the room that was asked for even if every byte grows the most", () => {
    const worst = "\x01".repeat(1000);
    expect(violation(Violation.SUBSCRIPTION, worst, worst).length).toBe(
      '-ERR \'Permissions Violation for Subscription to "" using queue ""\'\r\n'.length + 8000,
    );
    expect(violation(Violation.REPLY, worst, "").length).toBe(
      "-ERR 'Permissions Violation for Publish with Reply of \"\"'\r\n".length + 4000,
    );
  });
});

// client.go `processSubsOnConfigReload`, which writes the sid with %q too.
describe("the text of a subscription that has ended", () => {
  it("names its subject, its queue if it has one, and its sid", () => {
    expect(revocation("foo.>", "", "7")).toBe(
      '-ERR \'Permissions Violation for Subscription to "foo.>" (sid "7")\'\r\n',
    );
    expect(revocation("foo", "q", "7")).toBe(
      '-ERR \'Permissions Violation for Subscription to "foo" using queue "q" (sid "7")\'\r\n',
    );
  });

  it("quotes the sid as Go does, which may be of any bytes", () => {
    expect(revocation("foo", "", 'a"\x01')).toBe(
      '-ERR \'Permissions Violation for Subscription to "foo" (sid "a\\"\\x01")\'\r\n',
    );
  });

  it("fits the room that was asked for even if every byte grows the most", () => {
    const worst = "\x01".repeat(1000);
    expect(revocation(worst, worst, worst).length).toBe(
      '-ERR \'Permissions Violation for Subscription to "" using queue "" (sid "")\'\r\n'.length + 12_000,
    );
  });
});

describe("the other texts", () => {
  it("are nats-server's own", () => {
    expect(textOf(texts.OK_LINE)).toBe("+OK\r\n");
    expect(textOf(texts.PING_LINE)).toBe("PING\r\n");
    expect(textOf(texts.PONG_LINE)).toBe("PONG\r\n");
    expect(textOf(texts.AUTHORIZATION_VIOLATION)).toBe("-ERR 'Authorization Violation'\r\n");
    expect(textOf(texts.CONTROL_LINE_EXCEEDED)).toBe("-ERR 'maximum control line exceeded'\r\n");
    expect(textOf(texts.PAYLOAD_VIOLATION)).toBe("-ERR 'Maximum Payload Violation'\r\n");
    expect(textOf(texts.SUBSCRIPTIONS_EXCEEDED)).toBe("-ERR 'maximum subscriptions exceeded'\r\n");
    expect(textOf(texts.INVALID_PUBLISH_SUBJECT)).toBe("-ERR 'Invalid Publish Subject'\r\n");
  });
});

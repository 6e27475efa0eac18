import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { RawClient } from "../stand/raw-client.ts";
import { errorsOf, messagesOf, publish, refusedPublish, refusedSubscription, Town, type Route } from "./ways-round.ts";

/**
 * Ways round a policy of subjects; those by answers, by headers and to streams have files of their own. Each
 * test first shows that its way works, either with nats-server alone and the same rights as its own permissions, or without the
 * check in question.
 */
describe("ways round a subject policy", () => {
  const town = Town.ofSuite();

  it("a second CONNECT does not change the peer's identity", async () => {
    const again = 'CONNECT {"user":"operator","pass":"operator","verbose":false,"headers":true,"protocol":1}\r\n';
    const attempt = publish("secret.in", "stolen");
    const alone = await town.connect("mallory", "alone");
    assert.deepEqual(await errorsOf(alone, attempt), refusedPublish("secret.in"));
    assert.deepEqual(await errorsOf(alone, again + attempt), []);
    assert.deepEqual(await town.secrets(), ["MSG secret.in 1 6 stolen"]);
    const mallory = await town.connect("mallory", "filtered");
    assert.deepEqual(await errorsOf(mallory, again + attempt), refusedPublish("secret.in"));
    assert.deepEqual(await town.secrets(), []);
  });

  it("a second CONNECT does not switch off the filter of deliveries", async () => {
    const mallory = await town.connect("mallory", "filtered");
    await mallory.send("SUB orders.> 1\r\n");
    await errorsOf(mallory, 'CONNECT {"verbose":false,"headers":true,"protocol":1}\r\nSUB orders.* 1\r\n');
    await town.operator.send(publish("orders.secret", "no") + publish("orders.1", "yes"));
    await town.operator.flush();
    assert.deepEqual(await messagesOf(mallory), ["MSG orders.1 1 3 yes"]);
  });

  it("a subscription with wildcards reads no more than an allow entry contains", async () => {
    async function read(route: Route): Promise<{ errors: string[]; messages: string[] }> {
      const mallory = await town.connect("mallory", route);
      const errors = await errorsOf(mallory, "SUB foo.> 1\r\n");
      await town.operator.send(publish("foo.a.deep", "read"));
      await town.operator.flush();
      return { errors, messages: await messagesOf(mallory) };
    }
    assert.deepEqual(await read("alone"), { errors: [], messages: ["MSG foo.a.deep 1 4 read"] });
    assert.deepEqual(await read("filtered"), { errors: refusedSubscription("foo.>"), messages: [] });
  });

  it("a member of a queue group receives nothing that a deny withholds from it, and loses nothing for the group", async () => {
    const COUNT = 40;
    async function share(member: RawClient): Promise<{ errors: string[]; theirs: number; rightful: number }> {
      const rightful = await RawClient.connect(town.stand.nats.port);
      await rightful.handshake();
      await rightful.send("SUB orders.> workers 1\r\n");
      await rightful.flush();
      const errors = await errorsOf(member, "SUB orders.> workers 1\r\n");
      await town.operator.send(publish("orders.secret", "x").repeat(COUNT));
      await town.operator.flush();
      const counts = { theirs: (await messagesOf(member)).length, rightful: (await messagesOf(rightful)).length };
      rightful.close();
      return { errors, ...counts };
    }
    // In front of a broker that does not know the deny, as the filter is in front of one.
    const unbounded = await RawClient.connect(town.stand.nats.port);
    await unbounded.handshake();
    const { errors, theirs, rightful } = await share(unbounded);
    unbounded.close();
    assert.deepEqual(errors, []);
    assert.ok(theirs > 0, "the group shared nothing");
    assert.equal(theirs + rightful, COUNT);
    assert.deepEqual(await share(await town.connect("mallory", "filtered")), {
      errors: refusedSubscription("orders.>", "workers"),
      theirs: 0,
      rightful: COUNT,
    });
  });

  it("frames inside payloads stay payload, in allowed and in refused messages, and frames after them are judged", async () => {
    const hidden = publish("secret.in", "stolen");
    const inside = `xx\r\n${hidden}SUB > 9\r\n`;
    // If a payload is declared shorter than it is, what follows is an operation.
    const behind = `PUB ok.1 2\r\n${inside}`;
    await town.operator.send(hidden);
    await town.operator.expect("MSG", "MSG secret.in 1 6");

    await town.operator.send("SUB ok.1 3\r\n");
    await town.operator.flush();
    const mallory = await town.connect("mallory", "filtered");
    assert.deepEqual(await errorsOf(mallory, publish("ok.1", inside)), []);
    assert.deepEqual(await town.secrets(), [`MSG ok.1 3 ${inside.length} ${inside}`]);
    assert.deepEqual(await errorsOf(mallory, publish("ok.no", inside)), refusedPublish("ok.no"));
    assert.deepEqual(await errorsOf(mallory, behind), [...refusedPublish("secret.in"), ...refusedSubscription(">")]);
    // However the network cuts them.
    for (const byte of publish("ok.no", inside) + publish("ok.1", inside)) await mallory.send(byte);
    assert.deepEqual(await errorsOf(mallory, ""), refusedPublish("ok.no"));
    const messages = await town.secrets();
    assert.deepEqual(messages, ["MSG ok.1 3 2 xx", `MSG ok.1 3 ${inside.length} ${inside}`]);
    await town.operator.send("UNSUB 3\r\n");
  });

  it("a peer without a certificate has no identity on a PERMISSIVE port", async () => {
    // On such a port the client must speak first: until then the proxy does not know whether TLS comes.
    const sent = `CONNECT {"verbose":false}\r\n${publish("secret.in", "stolen")}${publish("ok.1", "x")}PING\r\n`;
    const plain = await RawClient.connect(town.stand.port("permissiveAlone"));
    await plain.send(sent);
    await plain.until("PONG");
    plain.close();
    assert.deepEqual(await town.secrets(), ["MSG secret.in 1 6 stolen"]);

    const nobody = await RawClient.connect(town.stand.port("permissive"));
    await nobody.send(sent);
    await nobody.expect("INFO");
    const frames = await nobody.untilClosed();
    assert.deepEqual(
      frames.map(({ line }) => line),
      ["-ERR 'Authorization Violation'"],
    );
    assert.deepEqual(await town.secrets(), []);
  });
});

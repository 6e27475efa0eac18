import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { RawClient } from "../stand/raw-client.ts";
import { waitFor } from "../stand/wait.ts";
import { errorsOf, messagesOf, publish, refusedPublish, refusedReply, Town, type Route } from "./ways-round.ts";

/** Each test first shows that its way works (ways-round.test.ts). */
describe("ways round a subject policy, by answers of others,", () => {
  const town = Town.ofSuite();

  /** Asks a service for the price with a reply subject. Returns the errors received, and what came to `secret.>`. */
  async function askWithReply(route: Route, reply: string): Promise<{ errors: string[]; secrets: string[] }> {
    const service = await RawClient.connect(town.stand.nats.port);
    await service.handshake();
    await service.send("SUB ask.price 1\r\n");
    await service.flush();
    const mallory = await town.connect("mallory", route);
    const errors = await errorsOf(mallory, publish("ask.price", "", "", reply));
    for (const request of await messagesOf(service)) {
      await errorsOf(service, publish(request.split(" ")[3]!, "42"));
    }
    service.close();
    return { errors, secrets: await town.secrets() };
  }

  it("a service's answer does not go where the requester may not publish, unless a rule says `replies: ANY`", async () => {
    for (const route of ["alone", "permitted"] as const) {
      assert.deepEqual(
        await askWithReply(route, "secret.in"),
        { errors: [], secrets: ["MSG secret.in 1 2 42"] },
        route,
      );
    }
    assert.deepEqual(await askWithReply("filtered", "secret.in"), { errors: refusedReply("secret.in"), secrets: [] });
    assert.deepEqual(await askWithReply("filtered", "_INBOX.m.1"), { errors: [], secrets: [] });
  });

  it("a colluding requester's reply subject grants an answerer nothing that the requester may not receive on", async () => {
    async function collude(route: Route): Promise<{ asking: string[]; answering: string[]; secrets: string[] }> {
      const answerer = await town.connect("answerer", route);
      await answerer.send("SUB ask.help 1\r\n");
      await answerer.flush();
      const requester = await town.connect("requester", route);
      const asking = await errorsOf(requester, publish("ask.help", "", "", "secret.in"));
      // Only a request that has come grants an answer. It comes by another connection than the requester's.
      await answerer.flush();
      const answering = await errorsOf(answerer, publish("secret.in", "stolen"));
      return { asking, answering, secrets: await town.secrets() };
    }
    const done = { asking: [], answering: [], secrets: ["MSG secret.in 1 6 stolen"] };
    assert.deepEqual(await collude("alone"), done);
    assert.deepEqual(await collude("permitted"), done);
    assert.deepEqual(await collude("filtered"), {
      asking: refusedReply("secret.in"),
      answering: refusedPublish("secret.in"),
      secrets: [],
    });
  });

  it("JetStream's own answer, and a service's, are no request to its API, whatever the requester may read", async () => {
    const reply = "$JS.API.STREAM.DELETE.VAULT";
    const fresh = async (): Promise<void> => {
      await town.stream("DATA", ["data.>"], { allow_direct: true });
      await town.stream("VAULT", ["vault.>"]);
    };
    const isGone = async (): Promise<boolean> => {
      const { streams } = await town.api<{ streams: string[] | null }>("STREAM.NAMES");
      return !streams?.includes("VAULT");
    };
    // The answer has the body of what the auditor has stored, an empty one, as the deletion of a stream must have.
    const stored = publish("data.mine", "");
    const read = publish("$JS.API.DIRECT.GET.DATA.data.mine", "", "", reply);

    for (const route of ["alone", "permitted"] as const) {
      await fresh();
      const auditor = await town.connect("auditor", route);
      assert.deepEqual(await errorsOf(auditor, stored), [], route);
      const refused = await errorsOf(auditor, read);
      if (route === "alone") await waitFor("the stream to be gone", isGone);
      else assert.deepEqual(refused, refusedReply(reply));
    }
    await fresh();
    const auditor = await town.connect("auditor", "filtered");
    assert.deepEqual(await errorsOf(auditor, stored), []);
    assert.deepEqual(await errorsOf(auditor, read), refusedReply(reply));

    async function answer(route: Route): Promise<string[]> {
      const answerer = await town.connect("answerer", route);
      await answerer.send("SUB ask.help 1\r\n");
      await answerer.flush();
      await town.operator.send(publish("ask.help", "", "", reply));
      await town.operator.flush();
      await answerer.flush();
      return errorsOf(answerer, publish(reply));
    }
    assert.deepEqual(await answer("filtered"), refusedPublish(reply));
    assert.equal(await isGone(), false);
    assert.deepEqual(await answer("alone"), []);
    await waitFor("the stream to be gone", isGone);
  });

  it("a grant to answer does not override a deny", async () => {
    async function answer(route: Route): Promise<{ errors: string[]; secrets: string[] }> {
      const answerer = await town.connect("bounded", route);
      await answerer.send("SUB ask.help 1\r\n");
      await answerer.flush();
      await town.operator.send(publish("ask.help", "", "", "secret.in"));
      await town.operator.flush();
      await answerer.flush();
      return { errors: await errorsOf(answerer, publish("secret.in", "stolen")), secrets: await town.secrets() };
    }
    assert.deepEqual(await answer("alone"), { errors: [], secrets: ["MSG secret.in 1 6 stolen"] });
    assert.deepEqual(await answer("filtered"), { errors: refusedPublish("secret.in"), secrets: [] });
  });

  it("a pull from a JetStream consumer does not deliver to a subject on which the puller may not receive", async () => {
    await town.stream("DATA", ["data.>"]);
    const consumer = { durable_name: "reader", ack_policy: "none" };
    await town.api("CONSUMER.CREATE.DATA.reader", { stream_name: "DATA", config: consumer });
    for (let i = 0; i < 4; i++) await town.store("data.1", "stored");
    const pull = (reply: string): string => publish("$JS.API.CONSUMER.MSG.NEXT.DATA.reader", "1", "", reply);

    for (const route of ["alone", "permitted"] as const) {
      const mallory = await town.connect("mallory", route);
      assert.deepEqual(await errorsOf(mallory, pull("secret.in")), [], route);
      await town.operator.expect("MSG", /^MSG data\.1 1 /);
    }
    const mallory = await town.connect("mallory", "filtered");
    assert.deepEqual(await errorsOf(mallory, pull("secret.in")), refusedReply("secret.in"));
    // The same pull to an allowed subject is answered, so the refused one would have been answered by now.
    await mallory.send(`SUB _INBOX.m.* 1\r\n${pull("_INBOX.m.1")}`);
    await mallory.expect("MSG", /^MSG data\.1 1 /);
    assert.deepEqual(await town.secrets(), []);
  });
});

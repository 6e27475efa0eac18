import { isReservedPublish, isReservedReply, isReservedSubscription } from "../../assembly/nats/reserved";
import { lengthOf, pointerTo } from "./bytes-support";

function publish(subject: string): bool {
  return isReservedPublish(pointerTo(subject), lengthOf(subject));
}

function reply(subject: string): bool {
  return isReservedReply(pointerTo(subject), lengthOf(subject));
}

/** Near the reserved ones, but free according to nats-server's own checks of v2.15.3, and none that only servers use. */
const FREE: StaticArray<string> = [
  "",
  "$",
  "_",
  "_GR_.",
  "_GR_",
  "$GR.",
  "$GR",
  "_gr_.x",
  "$gr.x",
  "$nrg.x",
  "$NRG",
  "_R_",
  "_r_.x",
  "$JS.",
  "$JS",
  "$js.x",
  "$JSX.x",
  "_GRX.x",
  "$GRX.a",
  "a._R_.x",
  "a.$NRG.x",
  " _R_.x",
  "$SYS",
  "$sys.x",
  "$SYSX.x",
  "$JSC",
  "$jsc.x",
  "a.$SYS.x",
  "_INBOX.x",
  "foo",
];

describe("subjects that nats-server keeps for itself", () => {
  it("are refused to publishers if they begin with the gateway's or the Raft groups' prefix", () => {
    expect(publish("_GR_.x")).toBe(true);
    expect(publish("_GR_..")).toBe(true);
    expect(publish("$GR.x")).toBe(true);
    expect(publish("$NRG.x")).toBe(true);
    expect(publish("$NRG.")).toBe(true);
  });

  it("are refused as reply if they are a service's reply, JetStream's, a Raft group's, a gateway's or among servers", () => {
    expect(reply("_R_.")).toBe(true);
    expect(reply("_R_.x")).toBe(true);
    expect(reply("$JS.ACK.x")).toBe(true);
    expect(reply("$JS.API.x")).toBe(true);
    expect(reply("$JS.hub.API.x")).toBe(true);
    expect(reply("$JS.x")).toBe(true);
    expect(reply("_GR_.x")).toBe(true);
    expect(reply("$GR.x")).toBe(true);
    expect(reply("$NRG.x")).toBe(true);
    expect(reply("$NRG.")).toBe(true);
    expect(reply("$SYS.x.y")).toBe(true);
    expect(reply("$SYS.x.")).toBe(true);
    expect(reply("$SYS.x")).toBe(false);
    expect(reply("$SYS.")).toBe(false);
    expect(reply("$JSC.x")).toBe(true);
  });

  it("are refused to subscribers if servers know their own subscriptions by them", () => {
    const inside: StaticArray<string> = ["$LDS.", "$LDS.x", "$LDS.x.y"];
    const outside: StaticArray<string> = ["", "$", "$LDS", "$lds.x", "$LDSX.x", "a.$LDS.x", "*.x", ">", "$NRG.x"];
    for (let i = 0; i < inside.length; i++)
      assert(isReservedSubscription(pointerTo(inside[i]), lengthOf(inside[i])), inside[i]);
    for (let i = 0; i < outside.length; i++)
      assert(!isReservedSubscription(pointerTo(outside[i]), lengthOf(outside[i])), outside[i]);
  });

  it("are not made of bytes behind the subject", () => {
    const wholes: StaticArray<string> = [
      "_GR_.x",
      "$GR.x",
      "$NRG.x",
      "_R_.x",
      "$JSC.x",
      "$JS.ACK.x",
      "$SYS.x.y",
      "$LDS.x",
    ];
    for (let i = 0; i < wholes.length; i++) {
      const pointer = pointerTo(wholes[i]);
      for (let length = wholes[i].indexOf("."); length >= 0; length--) {
        assert(!isReservedPublish(pointer, length), wholes[i]);
        assert(!isReservedReply(pointer, length), wholes[i]);
        assert(!isReservedSubscription(pointer, length), wholes[i]);
      }
    }
  });

  it("are not the same for subject and reply", () => {
    expect(publish("_R_.x")).toBe(false);
    expect(publish("$JS.ACK.x")).toBe(false);
    expect(publish("$SYS.x")).toBe(false);
    expect(publish("$JSC.x")).toBe(false);
  });

  it("do not include others, however near: case counts, and something must follow the dot", () => {
    for (let i = 0; i < FREE.length; i++) {
      assert(!publish(FREE[i]), FREE[i]);
      assert(!reply(FREE[i]), FREE[i]);
    }
  });
});

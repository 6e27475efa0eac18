import { isApiRequest, isPull } from "../../assembly/nats/jetstream-subjects";
import { lengthOf, pointerTo } from "./bytes-support";

function pulls(subject: string): bool {
  return isPull(pointerTo(subject), lengthOf(subject));
}

function asks(subject: string): bool {
  return isApiRequest(pointerTo(subject), lengthOf(subject));
}

describe("a request to JetStream's API", () => {
  it("is recognised with and without a JetStream domain", () => {
    expect(asks("$JS.API.STREAM.DELETE.ORDERS")).toBe(true);
    expect(asks("$JS.hub.API.STREAM.DELETE.ORDERS")).toBe(true);
  });

  it("is nothing else", () => {
    expect(asks("$JS.ACK.ORDERS.billing.1.2.3.4.5")).toBe(false);
    expect(asks("$JS.FC.ORDERS.push.x")).toBe(false);
    expect(asks("$JS.a.b.API.INFO")).toBe(false);
    expect(asks("$JS.APIX.INFO")).toBe(false);
    expect(asks("API.API.INFO")).toBe(false);
    expect(asks("$JS.API")).toBe(false);
    // Of a stream that is called so.
    expect(asks("$JS.ACK.API.worker.1.1.1.1.0")).toBe(false);
    expect(asks("$JS.FC.API.worker.x")).toBe(false);
    expect(asks("$JS.SNAPSHOT.API.x")).toBe(false);
    expect(asks("$JS.EVENT.API.x")).toBe(false);
    expect(asks("$JS.ACKS.API.INFO")).toBe(true);
    expect(asks("$JS.")).toBe(false);
    expect(asks("")).toBe(false);
  });
});

describe("a pull from a consumer", () => {
  it("is recognised with and without a JetStream domain", () => {
    expect(pulls("$JS.API.CONSUMER.MSG.NEXT.ORDERS.billing")).toBe(true);
    expect(pulls("$JS.hub.API.CONSUMER.MSG.NEXT.ORDERS.billing")).toBe(true);
  });

  it("is nothing else", () => {
    expect(pulls("$JS.API.CONSUMER.INFO.ORDERS.billing")).toBe(false);
    expect(pulls("$JS.API.CONSUMER.MSG.NEXT")).toBe(false);
    expect(pulls("$JS.a.b.API.CONSUMER.MSG.NEXT.O.b")).toBe(false);
    expect(pulls("$JS.")).toBe(false);
    expect(pulls("$JS")).toBe(false);
    expect(pulls("x$JS.API.CONSUMER.MSG.NEXT.O.b")).toBe(false);
  });
});

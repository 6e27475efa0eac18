import { saysNoResponders } from "../../assembly/nats/no-responders";
import { pointerTo } from "./bytes-support";

describe("the status of a message", () => {
  it("means that nobody listens if it is 503", () => {
    expect(saysNoResponders(pointerTo("NATS/1.0 503\r\n\r\n"))).toBe(true);
    expect(saysNoResponders(pointerTo("NATS/1.0 503\r\nNats-Subject: a\r\n\r\n"))).toBe(true);
    expect(saysNoResponders(pointerTo("NATS/1.0 5033\r\n\r\n"))).toBe(false);
    expect(saysNoResponders(pointerTo("NATS/1.0 404\r\n\r\n"))).toBe(false);
  });
});

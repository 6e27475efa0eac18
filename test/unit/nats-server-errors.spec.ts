import { serverErrorOf, ServerError } from "../../assembly/nats/server-errors";
import { lengthOf, pointerTo } from "./bytes-support";

describe("an error of nats-server", () => {
  it("is recognised by the beginning of its text, and is `other` if that is cut short", () => {
    const text = "'Stale Connection'";
    expect(serverErrorOf(pointerTo(text), lengthOf(text))).toBe(ServerError.STALE_CONNECTION);
    expect(serverErrorOf(pointerTo(text), 8)).toBe(ServerError.OTHER);
  });
});

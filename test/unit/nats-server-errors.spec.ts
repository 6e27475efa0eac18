import { serverErrorOf, ServerError } from "../../assembly/nats/server-errors";
import { lengthOf, pointerTo } from "./bytes-support";

describe("an error of nats-server", () => {
  it("is recognised by the beginning of its text, and is `other` if that is cut short", () => {
    const text = "'Stale Connection'";
    expect(serverErrorOf(pointerTo(text), lengthOf(text))).toBe(ServerError.STALE_CONNECTION);
    expect(serverErrorOf(pointerTo(text), 8)).toBe(ServerError.OTHER);
  });

  // errors.go of nats-server v2.15.2.
  it("is of its kind where several texts are, also the last of them all", () => {
    const texts = [
      "'User Authentication Expired'",
      "'Account Authentication Expired'",
      "'maximum connections exceeded'",
      "'maximum account active connections exceeded'",
      "'invalid client protocol'",
      "'no responders requires headers support'",
    ];
    const kinds = [
      ServerError.AUTHENTICATION_EXPIRED,
      ServerError.AUTHENTICATION_EXPIRED,
      ServerError.CONNECTIONS,
      ServerError.CONNECTIONS,
      ServerError.INVALID_CLIENT,
      ServerError.INVALID_CLIENT,
    ];
    for (let i = 0; i < texts.length; i++)
      expect(serverErrorOf(pointerTo(texts[i]), lengthOf(texts[i]))).toBe(kinds[i], texts[i]);
  });
});

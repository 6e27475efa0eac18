import type { Host } from "../host/host.ts";
import { latin1 } from "../host/wire.ts";
import { Responder } from "./responder.ts";
import type { Session } from "./session.ts";

/** What passed in each step. */
export interface Passed {
  toServer: string;
  toClient: string;
}

/** Cuts the bytes of a step into chunks. */
export type Cut = (bytes: string, step: number, direction: "client" | "server") => string[];

export const WHOLE: Cut = (bytes) => [bytes];

interface HostStep {
  from: "client" | "peer";
  bytes: string;
  sleep: number;
}

/** The steps of a session, with the handshake that the runner sends for it. */
export function hostSteps(session: Session): HostStep[] {
  const steps: HostStep[] = [];
  if (session.connect !== null) {
    const credentials = { user: `c-${session.id}`, pass: "p" };
    const ping = session.handshake ? "PING\r\n" : "";
    const bytes = `CONNECT ${JSON.stringify({ ...session.connect, ...credentials })}\r\n${ping}`;
    steps.push({ from: "client", bytes, sleep: 0 });
  }
  for (const step of session.send) {
    const { data = "", from = "client", sleep_ms = 0 } = typeof step === "string" ? { data: step } : step;
    const bytes = data.replaceAll("{USER}", `c-${session.id}`).replaceAll("{PASS}", "p");
    steps.push({ from, bytes, sleep: sleep_ms });
  }
  return steps;
}

/** Runs a session through the filter in the Node host. The server's answer to a step follows the whole step. */
export function runInHost(host: Host, session: Session, principal: string, cut: Cut): Passed[] {
  const connection = host.connect({ properties: { "connection.uri_san_peer_certificate": principal } });
  const responder = new Responder();
  const answer = (bytes: string, step: number): string =>
    cut(bytes, step, "server")
      .map((chunk) => latin1(connection.fromServer(Buffer.from(chunk, "latin1"))))
      .join("");
  const passed: Passed[] = [{ toServer: "", toClient: answer(responder.greeting, -1) }];
  for (const [index, { from, bytes, sleep }] of hostSteps(session).entries()) {
    if (responder.closed || connection.closed) break;
    if (sleep > 0) host.advance(sleep);
    if (from === "peer") {
      passed.push({ toServer: "", toClient: answer(responder.deliver(bytes), index) });
      continue;
    }
    const toServer = cut(bytes, index, "client")
      .map((chunk) => latin1(connection.fromClient(Buffer.from(chunk, "latin1"))))
      .join("");
    const toClient = answer(responder.answer(toServer), index);
    passed.push({ toServer: toServer + latin1(connection.takeToServer()), toClient });
  }
  connection.close();
  return passed;
}

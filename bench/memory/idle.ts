import { RawClient, type RawClientOptions } from "../../test/stand/raw-client.ts";

/**
 * A client that has introduced itself to nats-server, and stays until it is closed. nats-server closes a client that has left two of
 * its PINGs unanswered when the third is due, which is after six minutes.
 */
export async function idleClient(port: number, options: RawClientOptions = {}): Promise<RawClient> {
  const client = await RawClient.connect(port, { ...options, answersPings: true });
  await client.handshake();
  return client;
}

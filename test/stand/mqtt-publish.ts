import { once } from "node:events";
import { connect, type Socket } from "node:net";

/** A packet of MQTT 3.1.1: its first byte, the length of the rest in digits of seven bits, and the rest. */
function packet(first: number, ...parts: Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  const digits: number[] = [];
  let rest = body.length;
  do {
    const digit = rest & 127;
    rest >>= 7;
    digits.push(rest > 0 ? digit | 128 : digit);
  } while (rest > 0);
  return Buffer.concat([Buffer.from([first, ...digits]), body]);
}

/** A text behind its length, as MQTT has it. */
function text(value: string): Buffer {
  const bytes = Buffer.from(value, "latin1");
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 255]), bytes]);
}

async function write(socket: Socket, bytes: Buffer): Promise<void> {
  await new Promise<void>((resolve) => socket.write(bytes, () => resolve()));
}

/**
 * Publishes once at QoS 0, as a device of its own, to a port where nats-server speaks MQTT. Resolves when nats-server has read it and
 * closed, which it does with a topic that it does not take, too.
 */
export async function publishByMqtt(port: number, topic: string, payload: string): Promise<void> {
  const socket = connect(port, "127.0.0.1");
  await once(socket, "connect");
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  // A clean session that is kept for a minute without a PINGREQ.
  await write(socket, packet(0x10, text("MQTT"), Buffer.from([4, 2, 0, 60]), text("device")));
  const [connack] = (await once(socket, "data")) as [Buffer];
  if (connack[0] !== 0x20 || connack[3] !== 0) throw new Error(`CONNACK is ${connack.toString("hex")}`);
  await write(socket, packet(0x30, text(topic), Buffer.from(payload, "latin1")));
  // Where nats-server has closed already, DISCONNECT meets a closed socket.
  socket.on("error", () => undefined);
  await write(socket, packet(0xe0));
  await closed;
}

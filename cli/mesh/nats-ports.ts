/** nats-server's client port. The filter judges this port, and doctor takes no other port for it. */
export const CLIENT_PORT = 4222;

/** Ports on which nats-server speaks first. A proxy that waits for the peer's first bytes there waits for ever. */
export const SERVER_FIRST_PORTS: ReadonlyMap<number, string> = new Map([
  [CLIENT_PORT, "clients"],
  [6222, "routes"],
  [7222, "gateways"],
  [7422, "leaf nodes"],
]);

/** Ports with protocols other than the client port's, where no filter judges. */
export const OTHER_PORTS: ReadonlyMap<number, string> = new Map([
  [6222, "routes, which have full rights"],
  [7222, "gateways, which have full rights"],
  [7422, "leaf nodes, which may use whatever their account may use"],
  [8080, "WebSocket, which carries the client protocol without the filter"],
  [443, "WebSocket, which carries the client protocol without the filter"],
  [1883, "MQTT, whose topics are subjects"],
  [8883, "MQTT, whose topics are subjects"],
  [8222, "monitoring, which shows who uses which subject"],
  [65432, "profiling, which shows what is in memory"],
]);

/** Where nats-servers dial each other: routes and gateways. */
export const PEER_PORTS: readonly number[] = [6222, 7222];

/** nats-server's client port. The filter judges this one, and doctor takes no other for it. */
export const CLIENT_PORT = 4222;

/** Ports on which nats-server speaks first, so that a proxy that waits for the peer's first bytes waits for ever. */
export const SERVER_FIRST_PORTS: ReadonlyMap<number, string> = new Map([
  [CLIENT_PORT, "clients"],
  [6222, "routes"],
  [7222, "gateways"],
  [7422, "leaf nodes"],
]);

/** Ports that accept other protocols than the client port's, past any filter there. */
export const OTHER_PORTS: ReadonlyMap<number, string> = new Map([
  [6222, "routes, which have full rights"],
  [7222, "gateways, which have full rights"],
  [7422, "leaf nodes, which may use whatever their account may"],
  [8080, "WebSocket, which is the client protocol past the filter"],
  [443, "WebSocket, which is the client protocol past the filter"],
  [1883, "MQTT, whose topics are subjects"],
  [8883, "MQTT, whose topics are subjects"],
  [8222, "monitoring, which shows who uses which subject"],
  [65432, "profiling, which shows what is in memory"],
]);

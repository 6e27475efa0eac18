import type { Session } from "../conformance/session.ts";

const HANDSHAKE = { verbose: false, pedantic: false, headers: true, protocol: 1, echo: true };

/**
 * Sessions for known differences between brokers, besides the recorded ones. `expect` is what nats-server 2.15 does. test:matrix
 * checks it when it runs with 2.15.
 */
export const VERSION_SESSIONS: readonly Session[] = [
  {
    // nats-server 2.10 keeps the subscriptions that later versions drop, so their filters must also be kept.
    id: "version-second-connect-under-a-deny",
    family: "version",
    server: {},
    permissions: { subscribe: { deny: ["foo.bar"] } },
    connect: HANDSHAKE,
    handshake: true,
    send: [
      "SUB foo.* 1\r\n",
      'CONNECT {"verbose":false,"pedantic":false,"headers":true,"protocol":1,"user":"{USER}","pass":"{PASS}"}\r\n',
      { from: "peer", data: "PUB foo.bar 6\r\ndenied\r\nPUB foo.baz 7\r\nallowed\r\n" },
    ],
    expect: { client: [], delivered: [], closed: false },
  },
  {
    id: "version-second-connect-with-a-queue-and-a-max",
    family: "version",
    server: {},
    permissions: { subscribe: { deny: ["foo.bar"] } },
    connect: HANDSHAKE,
    handshake: true,
    send: [
      "SUB foo.* 1\r\nUNSUB 1 2\r\nSUB baz workers 2\r\n",
      'CONNECT {"verbose":false,"pedantic":false,"headers":true,"protocol":1,"user":"{USER}","pass":"{PASS}"}\r\n',
      "SUB foo.> 3\r\n",
      { from: "peer", data: "PUB foo.bar 6\r\ndenied\r\nPUB foo.baz 7\r\nallowed\r\nPUB baz 1\r\nx\r\n" },
    ],
    expect: { client: ["MSG foo.baz 3 7\r\nallowed"], delivered: [], closed: false },
  },
];

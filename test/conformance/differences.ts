/** Why a session ends differently through the filter than at a nats-server that restricts the client itself. */
export interface Difference {
  /** A short name. For the filter's own refusals, the generated sessions use the same name (strictness.ts). */
  name: string;
  /** What docs/reference/parity.md says about it. */
  title: string;
  why: string;
  /** Which side refuses more. */
  stricter: "filter" | "nats-server" | "neither";
  /** Recorded sessions that show it, and our own sessions (own-sessions.ts), whose names begin with `own-`. */
  sessions: string[];
}

/**
 * Every session that differs. The suite fails if another one differs, and if one of these no longer does. docs/reference/parity.md is made
 * from this list.
 */
export const DIFFERENCES: readonly Difference[] = [
  {
    name: "wildcards-outside-allow",
    title: "A SUB with wildcards must lie inside an allow entry",
    why: 'nats-server takes the SUB\'s own wildcards for literal tokens, so `allow: ["foo.*"]` admits `SUB foo.>` and `allow: ["*"]` admits `SUB >`, which reads everything.',
    stricter: "filter",
    sessions: ["sub-182-allow-admin", "queue-206-allow-foo-q-foo-q", "rand-019-session-19", "rand-150-session-150"],
  },
  {
    name: "queue-over-deny",
    title: "A queue SUB whose wildcards overlap a deny is refused",
    why: "nats-server leaves a denied message to another member. Before an unrestricted nats-server the group would have chosen the filtered member already, and the message would be lost.",
    stricter: "filter",
    sessions: [
      "queue-312-deny-foo-q-q",
      "queue-396-deny-foo-bar-q-q",
      "queue-417-deny-foo-q-q",
      "queue-498-allow-foo-deny-foo-bar-q-foo-baz-foo-q",
      "queue-500-allow-foo-deny-foo-bar-q-foo-baz-foo-q",
      "deny-007-queue-routed-around-denied-member",
      "deny-012-literal-queue-sub-is-refused-wildcard-qu",
      "deny-023-max-2-with-a-queue-sub",
      "deny-024-max-3-with-a-queue-sub",
      "rand-020-session-20",
      "rand-245-session-245",
    ],
  },
  {
    name: "grant-over-deny",
    title: "A reply grant does not override a deny",
    why: "nats-server lets a client answer on any reply subject that it was given, even one that a deny entry names: whoever can make the client read a request chooses where it publishes.",
    stricter: "filter",
    sessions: ["own-grant-over-deny"],
  },
  {
    name: "jetstream-headers",
    title: "Headers that make JetStream act on other subjects need permission on those",
    why: "nats-server checks only the first `Nats-Trace-Dest`, and none where there is a status. The filter checks every line of each header by which nats-server, JetStream or a client acts on another subject, purges or hides other headers: [policy.md](policy.md#headers) lists them.",
    stricter: "filter",
    sessions: [
      "own-schedule-target",
      "own-schedule-source",
      "own-second-trace-dest",
      "own-trace-dest-behind-status",
      "own-traced-request-info",
      "own-hidden-ttl",
      "own-lone-lf",
    ],
  },
  {
    name: "blanks-of-libraries",
    title: "No message goes to a client whose library alone takes a byte of its subject or reply subject for a blank",
    why: 'nats-server takes a form feed and a vertical tab for letters; nats-py, nats-pure, nats-tcl, nats 1.x for Node and ts-nats take them for blanks (the last two each byte 0xa0 as well), and async-nats all blanks of Unicode where there are headers. They read another sid, lines of the payload, or end the connection. nats-tcl takes the line for a list of Tcl, so it gets no subject with a `\\`, nor one that begins with `{` or `"`. The `lang` in a CONNECT tells: it begins with `python`, `ruby`, `jruby`, `truffleruby`, `Tcl`, `typescript` or `rust`, or is `node`. A TAB, which 2.10 and 2.11 take in a topic of MQTT, goes to nobody.',
    stricter: "filter",
    sessions: ["own-form-feed-to-python"],
  },
  {
    name: "headers-without-end",
    title: "Headers must begin with the version and end with an empty line",
    why: "nats-server takes any bytes for headers. JetStream writes headers of its own over the last two, and finds none behind a name at the very beginning, so mirrors, sources, replicas and schedules get another block than the one that was checked. A block of one or two bytes ends nats-server itself, where a stream republishes or a consumer delivers headers alone.",
    stricter: "filter",
    sessions: [
      "own-unclosed-target",
      "own-unclosed-ttl",
      "own-status-without-cr",
      "own-headers-without-end",
      "gram-132-HPUB-sizes-1-2",
    ],
  },
  {
    name: "control-status",
    title: "No message has the status 100",
    why: "nats-server marks with it what it tells a push consumer. nats.go and nats-py take `Status: 100` for it, too, in a message without a payload, and publish to what `Nats-Consumer-Stalled` names; jnats does so with any status and `-Stalled`.",
    stricter: "filter",
    sessions: ["own-control-status"],
  },
  {
    name: "jetstream-replies",
    title: "No reply subject begins with `$JS.`, and no grant answers a request of JetStream's API",
    why: "nats-server before 2.14.10 and before 2.15.3 refuses only those below `$JS.ACK.`, so whoever answers, JetStream itself among them, carries out what the reply subject asks for.",
    stricter: "filter",
    sessions: ["resv-066-reply-JS-ACK", "own-reply-to-jetstream", "own-grant-to-jetstream"],
  },
  {
    name: "raft-replies",
    title: "No reply subject begins with `$NRG.`",
    why: "nats-server refuses a client's publish there, but not an answer. With `cluster_traffic: owner` an answer on `$NRG.P.GROUP` becomes an entry of that group's log, and one that is none ends a replicated stream on all its servers.",
    stricter: "filter",
    sessions: ["own-reply-to-raft"],
  },
  {
    name: "server-replies",
    title: "No reply subject begins with `$JSC.`, or with `$SYS.` and two more tokens",
    why: "Servers speak with each other there. nats-server lets users of the system account name such reply subjects, and an answer on `$SYS.SERVER.ID.SHUTDOWN` takes a server for offline. The filter does not know the account.",
    stricter: "filter",
    sessions: ["own-reply-to-server"],
  },
  {
    name: "loop-subscriptions",
    title: "Nobody subscribes below `$LDS.`",
    why: "By a subscription to `$LDS.` and its own name a server sees its subscriptions come back, and ends a leaf node's connection for 30 seconds, again and again.",
    stricter: "filter",
    sessions: ["own-sub-to-loop"],
  },
  {
    name: "room-for-traces",
    title: "A traced message leaves space for the headers that servers add",
    why: "nats-server adds a header to it. Where that makes it larger than `max_payload`, the next server ends the leaf node's connection. So 4,096 bytes of `max_payload` stay free, or a sixteenth where that is less.",
    stricter: "filter",
    sessions: ["own-trace-without-room"],
  },
  {
    name: "jetstream-patterns",
    title: "Wildcards in a request to JetStream must lie inside an allow entry and outside of each deny",
    why: "nats-server takes the wildcards of a publish for literal tokens, and JetStream's API takes them for a pattern: `$JS.API.DIRECT.GET.S.orders.>` reads what a deny keeps. Patterns that JetStream misreads (`….orders.*.adm>`, in 2.10 `….orders.>.>`) are judged as all that they may find.",
    stricter: "filter",
    sessions: ["own-jetstream-pattern"],
  },
  {
    name: "headers-behind-sub",
    title: "A CONNECT that turns headers on or off behind a SUB ends the connection",
    why: "nats-server asks twice whether a subscriber takes headers, for the MSG line and for the payload (client.go `msgHeader`, `deliverMsg`). Where that changes in between, the line has the wrong size. A CONNECT before the first SUB may say what it likes.",
    stricter: "filter",
    sessions: ["own-headers-behind-sub"],
  },
  {
    name: "bare-cr",
    title: "A CR inside a control line ends the connection",
    why: "nats-server reads it differently depending on how the bytes were cut into reads (parser.go counts one byte to drop).",
    stricter: "filter",
    sessions: ["gram-029-double-CR-before-LF"],
  },
  {
    name: "lf-after-verb",
    title: "A LF right after a verb's blanks ends the connection",
    why: "nats-server takes it for the first byte of the subject and reads on, and publishes line breaks into other clients' MSG lines.",
    stricter: "filter",
    sessions: ["gram-031-PUB-space-LF-continues-on-the-next-line", "gram-033-SUB-space-LF-continues-on-the-next-line"],
  },
  {
    name: "err-from-client",
    title: "`-ERR` from a client is an unknown operation",
    why: "nats-server closes without a word, after executing what else came in the same read; which bytes that are depends on the network.",
    stricter: "filter",
    sessions: ["own-err-from-client"],
  },
  {
    name: "hmsg-from-client",
    title: "`HMSG` from a client is an unknown operation",
    why: "nats-server's parser takes it for a publish of no bytes to the empty subject.",
    stricter: "filter",
    sessions: ["own-hmsg-from-client"],
  },
  {
    name: "unbounded-ping",
    title: "The bytes that nats-server ignores behind PING count against the control line's limit",
    why: "They are held back until their LF, so they need a bound.",
    stricter: "filter",
    sessions: ["gram-051-PING-long-junk"],
  },
  {
    name: "padding",
    title: "Blanks between a verb and its first argument are bounded",
    why: "nats-server takes any number of them; here they are held back until the argument begins, at most 8,192.",
    stricter: "filter",
    sessions: ["own-padding"],
  },
  {
    name: "headers-limit",
    title: "A header block above `limits.headers` is refused",
    why: "An HPUB is judged with its headers, which are held for that, 16 KiB unless configured.",
    stricter: "filter",
    sessions: ["own-large-headers"],
  },
  {
    name: "pipelined-answer",
    title: "An answer that is sent before its request has been read is refused",
    why: "A grant begins when the request passes the filter on its way to the client. A client that pipelines a request to itself and the answer is judged before nats-server has echoed the request.",
    stricter: "filter",
    sessions: ["own-pipelined-answer"],
  },
  {
    name: "reused-sid",
    title: "A live sid that is used again with another queue counts for every queue",
    why: "nats-server ignores the second SUB. The filter cannot know whether the first still lives there, so a deny entry with any queue keeps a message from that sid, once deliveries are filtered.",
    stricter: "filter",
    sessions: ["own-reused-sid"],
  },
  {
    name: "reused-behind-maximum",
    title: "A SUB that uses a sid again after its maximum is lost until nats-server has answered for the maximum",
    why: "While deliveries are filtered, the filter counts `UNSUB sid max` itself ([ADR 11](../adr/0011-maxima-of-subscriptions.md)). Until the messages that reach the maximum and a PING's PONG have passed, the sid is live at nats-server, which ignores another SUB for it. Client libraries never use a sid twice.",
    stricter: "filter",
    sessions: ["own-reused-behind-maximum"],
  },
  {
    name: "payload-end",
    title: "A publish is decided at its control line, not at the end of its payload",
    why: "A refused payload is dropped as it streams, an allowed one is never held. A reply grant that expires while its answer's payload is on its way still counts here.",
    stricter: "nats-server",
    sessions: ["own-grant-expires-in-mid-payload"],
  },
  {
    name: "trace-dest-cached",
    title: "A trace destination that was refused does not spoil a later reply grant for the same subject",
    why: "nats-server caches its refusal of a `Nats-Trace-Dest` (client.go `pubAllowedFullCheck`) and asks no grant afterwards. Here a grant that the configuration gives holds.",
    stricter: "nats-server",
    sessions: ["own-trace-dest-then-grant"],
  },
  {
    name: "no-503",
    title: "No 503 for a request that only a filtered subscription would have got",
    why: "The unrestricted nats-server has delivered it, so the request times out.",
    stricter: "neither",
    sessions: ["own-filtered-responder"],
  },
  {
    name: "503-behind-maximum",
    title: "No 503 behind a maximum that is counted here, until the client's next operation",
    why: "nats-server hears of the end with the client's next operation, since a filter cannot write to it before ([ADR 11](../adr/0011-maxima-of-subscriptions.md)). Until then what comes for the subscription is dropped, also for a JetStream consumer that delivers there.",
    stricter: "neither",
    sessions: ["own-responder-at-its-maximum"],
  },
  {
    name: "503-over-deny",
    title: "No 503 on a reply subject that a deny entry keeps from the requester",
    why: "nats-server writes it to the requester's own subscription without asking the deny entries. Anybody else's message there can have the same bytes, so the filter keeps it back. Only `replies: ANY` lets a client ask for replies that it may not read.",
    stricter: "filter",
    sessions: ["own-503-over-deny"],
  },
  {
    name: "mappings",
    title: "Account mappings",
    why: "nats-server judges the mapped subject, the filter the unmapped one. Where a mapping leads into an allowed subject the filter refuses more, where it leads out of a denied one less. Write a policy for what clients write, deny there what a mapping leads to a denied subject, and let nobody subscribe to what a mapping takes.",
    stricter: "neither",
    sessions: [
      "map-002-allow-a-sub-PUB-sub-x",
      "map-006-allow-b-dst-PUB-sub-x",
      "map-012-deny-b-dst-x-PUB-a",
      "map-014-deny-b-dst-x-PUB-sub-x",
      "map-016-GR-prefix-escapes-through-a-mapping",
    ],
  },
];

const BY_SESSION = new Map(
  DIFFERENCES.flatMap((difference) => difference.sessions.map((id) => [id, difference] as const)),
);

/** Why this session is expected to differ, or undefined for every session that must not. */
export function expectedDifference(id: string): string | undefined {
  return BY_SESSION.get(id)?.title;
}

export function differingSessions(): Iterable<string> {
  return BY_SESSION.keys();
}

/** The listed difference of that name. */
export function differenceOf(name: string): Difference {
  const difference = DIFFERENCES.find((one) => one.name === name);
  if (!difference) throw new Error(`${name} is no listed difference`);
  return difference;
}

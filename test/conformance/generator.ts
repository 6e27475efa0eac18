import fc from "fast-check";
import type { NatsPermissions, NatsResponses } from "./nats-permissions.ts";
import {
  PLAIN,
  withoutChance,
  type Headers,
  type Operation,
  type Publish,
  type Script,
  type ScriptStep,
  type Spelling,
  type Subscribe,
} from "./script.ts";
import { isInsertable } from "./subjects.ts";

/**
 * Random permissions and random sessions. They use few tokens, so that entries, subscriptions and publishes meet. Now and then a
 * token looks like a wildcard, is not ASCII or is reserved by nats-server.
 */

/** So many sessions a test run has each night, unless it is told another number. */
export const FULL_SESSIONS = 5000;

/** How many of so many sessions also run with the peer in another account: as many as cost a few seconds. */
export function sessionsWithImports(sessions: number): number {
  return Math.ceil(sessions / 20);
}

type Arb<T> = fc.Arbitrary<T>;

const rarely = <T, U>(weight: number, rare: Arb<T>, usual: Arb<U>): Arb<T | U> =>
  fc.oneof({ weight: 100 - weight, arbitrary: usual }, { weight, arbitrary: rare });

const ODD_TOKENS = ["A", "a*", "*a", ">a", "é", "日", "'", "_"];
const RESERVED = ["_R_.z", "_GR_.x", "_GR_.", "$GR.x", "$NRG.x", "$JS.ACK.x", "$JS.", "$SYS.a", "_INBOX.a"];
const NO_PATTERNS = ["a..b", ".", "a.", ".a", ">.a", "a.>.b", "*.>.*"];

const literalToken = rarely(4, fc.constantFrom(...ODD_TOKENS), fc.constantFrom("a", "b", "c"));
const patternToken = rarely(30, fc.constant("*"), literalToken);

const subjectOf = (token: Arb<string>, most: number): Arb<string> =>
  fc.array(token, { minLength: 1, maxLength: most }).map((tokens) => tokens.join("."));
const literal = subjectOf(literalToken, 3);
const pattern = fc.oneof(
  { weight: 6, arbitrary: subjectOf(patternToken, 3) },
  { weight: 3, arbitrary: subjectOf(patternToken, 2).map((head) => `${head}.>`) },
  { weight: 1, arbitrary: fc.constant(">") },
);
const subscribed = rarely(3, fc.constantFrom(...NO_PATTERNS), rarely(50, literal, pattern));
const published = fc.oneof(
  { weight: 30, arbitrary: literal },
  { weight: 2, arbitrary: pattern },
  { weight: 1, arbitrary: fc.constantFrom(...NO_PATTERNS) },
  { weight: 2, arbitrary: fc.constantFrom(...RESERVED) },
);
const reply = fc.oneof(
  { weight: 6, arbitrary: subjectOf(fc.constantFrom("a", "b", "r"), 2) },
  // nats-server takes those of Raft groups and of servers, and the filter does not (`own-reply-to-raft`, docs/reference/parity.md).
  { weight: 2, arbitrary: published.filter((subject) => !/^\$(?:NRG\.|SYS\.[^.]*\.)/.test(subject)) },
);
const queue = fc.constantFrom("q", "r", "workers", "q.a", "q.b", "*", "*q", "_sys_");
const entryQueue = fc.constantFrom("q", "workers", "q.*", "q.>", "*", ">", "*q", "*q.a");

const entry = pattern.filter(isInsertable);
const someLiteralEntries = rarely(50, literal, entry);
const queueEntry = fc.tuple(someLiteralEntries, entryQueue).map(([subject, name]) => `${subject} ${name}`);

function lists(one: Arb<string>): Arb<{ allow?: string[]; deny?: string[] }> {
  const list = fc.array(one, { minLength: 0, maxLength: 3 });
  return fc.oneof(
    { weight: 3, arbitrary: fc.record({ allow: list }) },
    { weight: 3, arbitrary: fc.record({ deny: list }) },
    { weight: 4, arbitrary: fc.record({ allow: list, deny: list }) },
    { weight: 1, arbitrary: fc.constant({}) },
  );
}

const responses: Arb<boolean | NatsResponses> = fc.oneof(
  fc.constant(true),
  fc.record({ max: fc.constantFrom(0, 1, 2, 3, -1) }),
  fc.record({ max: fc.constantFrom(1, 2), expires: fc.constant("1m") }),
);

const permissions: Arb<NatsPermissions | null> = rarely(
  2,
  fc.constant(null),
  fc
    .record({
      publish: lists(someLiteralEntries),
      subscribe: lists(rarely(25, queueEntry, someLiteralEntries)),
      allow_responses: rarely(35, responses, fc.constant(undefined)),
    })
    .map(({ allow_responses, ...rest }) => (allow_responses === undefined ? rest : { ...rest, allow_responses })),
);

const spelling: Arb<Spelling> = rarely(
  10,
  fc.record({
    lower: fc.boolean(),
    blank: fc.constantFrom(" ", "\t", "  ", " \t"),
    trailing: fc.constantFrom("", " ", "\t"),
    lineEnd: fc.constantFrom("\r\n" as const, "\n" as const),
  }),
  fc.constant(PLAIN),
);

const payload = rarely(
  15,
  fc.constantFrom("", "\r\n", "\0", "PUB a 1\r\nx\r\n", "PING\r\n", "é", "x".repeat(300)),
  fc.nat({ max: 999 }).map((number) => `m${number}`),
);

const headers: Arb<Headers> = fc.oneof(
  { weight: 8, arbitrary: fc.constant<Headers>({ kind: "plain", value: "b" }) },
  { weight: 1, arbitrary: fc.constant<Headers>({ kind: "none", value: "" }) },
  { weight: 1, arbitrary: fc.constant<Headers>({ kind: "text", value: "NATS/1.0 Nats-Trace-Dest: a\r\n\r\n" }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("Nats-Trace-Dest" as const), value: literal }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constantFrom("Nats-Schedule-Target" as const, "Nats-Schedule-Source" as const),
      value: literal,
    }),
  },
);

/** Headers by which JetStream would act are judged only by the lists, on a subject that nothing else refuses. */
function withPlainSubject(publish: Publish): Publish {
  if (!publish.headers?.kind.startsWith("Nats-Schedule-")) return publish;
  const { reply: _reply, ...rest } = publish;
  return { ...rest, subject: rest.subject.replace(/^[_$].*|.*[*>].*|.*\.\..*|^\.|\.$/, "a") };
}

const publish: Arb<Publish> = fc
  .record({
    subject: published,
    reply: rarely(60, fc.constant(undefined), reply),
    headers: rarely(70, fc.constant(undefined), headers),
    payload,
    spelling,
  })
  .map(({ reply, headers, ...rest }) =>
    withPlainSubject({ op: "PUB", ...rest, ...(reply !== undefined && { reply }), ...(headers && { headers }) }),
  );

const sid = rarely(5, fc.constantFrom("é", "s-1", "0"), fc.constantFrom("1", "2", "3", "4"));
const subscribe: Arb<Subscribe> = fc
  .record({ subject: subscribed, queue: rarely(30, queue, fc.constant(undefined)), sid, spelling })
  .map(({ queue, ...rest }) => ({ op: "SUB", ...rest, ...(queue !== undefined && { queue }) }));
const unsubscribe: Arb<Operation> = fc
  .record({ sid, max: rarely(50, fc.constantFrom("1", "2", "3", "0", "x"), fc.constant(undefined)), spelling })
  .map(({ max, ...rest }) => ({ op: "UNSUB", ...rest, ...(max !== undefined && { max }) }));

/** Lines that change nothing, and lines that end the connection, at both sides or only at the filter. */
const harmless = fc.constantFrom("PONG\r\n", "+OK\r\n", "+OK what\n", "PONGPING\r\n", "INFO {}\r\n");
const fatal = fc.constantFrom(
  ...[
    "PUB a\r\n",
    "PUB a x\r\n",
    "PUB a 5\r\nabc\r\nPI",
    "HPUB a 5 2\r\nab\r\n",
    "SUB a\r\n",
    "SUB\r\n",
    "UNSUB\r\n",
    "\r\n",
  ],
  ...[
    " PING\r\n",
    "MSG a 1 1\r\nx\r\n",
    "A+ x\r\n",
    "PUBX a 1\r\n",
    "CONNECT {\r\n",
    "INFO x\r\n",
    "PUB a 12345678901\r\n",
  ],
  ...["PUB a 2000000\r\n", "SUB a b c d\r\n", "GET / HTTP/1.1\r\n"],
);
const fatalHere = fc.constantFrom(
  ...["SUB a\rb 1\r\n", "PUB a 2\r\r\nhi\r\n", "PUB \nb 2\r\nhi\r\n", "SUB \na 9\r\n", "-ERR 'x'\r\n"],
  ...["HMSG x 1 2 3\r\n\r\n"],
);
const raw: Arb<Operation> = harmless.map((text) => ({ op: "RAW", text }));

const operation: Arb<Operation> = fc.oneof(
  { weight: 40, arbitrary: publish },
  { weight: 36, arbitrary: subscribe },
  { weight: 12, arbitrary: unsubscribe },
  { weight: 4, arbitrary: fc.constant<Operation>({ op: "PING" }) },
  { weight: 2, arbitrary: raw },
);

const step: Arb<ScriptStep> = fc.oneof(
  {
    weight: 60,
    arbitrary: fc.record({
      from: fc.constant("client" as const),
      operations: fc.array(operation, { minLength: 1, maxLength: 5 }),
      cuts: rarely(
        8,
        fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 3 }),
        fc.constant<number[]>([]),
      ),
    }),
  },
  {
    weight: 40,
    arbitrary: fc.record({
      from: fc.constant("peer" as const),
      operations: fc.array(publish, { minLength: 1, maxLength: 4 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc
      .oneof({ weight: 2, arbitrary: fatal }, { weight: 1, arbitrary: fatalHere })
      .map((text) => ({ last: text })),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      from: fc.constant("client" as const),
      connect: fc.record({ verbose: fc.boolean(), pedantic: fc.boolean(), echo: fc.boolean() }, { requiredKeys: [] }),
      credentials: fc.boolean(),
    }),
  },
);

const connect = fc
  .record({
    verbose: fc.boolean(),
    pedantic: rarely(25, fc.constant(true), fc.constant(false)),
    headers: rarely(5, fc.constant(false), fc.constant(true)),
    protocol: fc.constantFrom(1, 1, 0),
    echo: rarely(15, fc.constant(false), fc.constant(true)),
    noResponders: rarely(10, fc.constant(true), fc.constant(false)),
  })
  .map(({ noResponders, ...rest }) => (noResponders && rest.headers ? { ...rest, no_responders: true } : rest));

/** If nobody listens, a requester reads a 503, unless its only subscriber is one whose messages are filtered. */
function withAudience(script: Script): Script {
  const filtered = ((script.permissions?.subscribe as { deny?: string[] } | undefined)?.deny ?? []).length > 0;
  const asksFor503 = script.connect["no_responders"] === true && !filtered;
  return { ...script, observers: asksFor503 ? [{ subject: "c.>" }] : [{ subject: ">" }] };
}

/** A random script, without what ends by chance at nats-server. */
export const scripts: Arb<Script> = fc
  .record({
    permissions,
    connect,
    observers: fc.constant<Script["observers"]>([]),
    steps: fc.array(step, { minLength: 1, maxLength: 9, size: "max" }),
  })
  .map((script) => withoutChance(withAudience(script)));

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { after, afterEach, before } from "node:test";
import { NatsServer } from "../stand/nats-server.ts";
import { RawClient } from "../stand/raw-client.ts";
import type { Frame } from "../stand/server-frames.ts";
import { Stand } from "../stand/stand.ts";
import { waitFor } from "../stand/wait.ts";

interface Permissions {
  publish?: { allow?: string[]; deny?: string[] };
  subscribe?: { allow: string[]; deny?: string[] };
  allow_responses?: { max: number; expires: string };
}

/** Applications, each with its permissions. None of them may use `secret.>`. */
const APPLICATIONS = {
  /** Wants to publish to `secret.in`, and to read or remove what is not its own. */
  mallory: {
    publish: {
      allow: [
        ...["ok.>", "ask.price", "$JS.API.CONSUMER.MSG.NEXT.DATA.reader", "data.mine", "plan.mine"],
        ...["$JS.API.STREAM.MSG.GET.VAULT", "$KV.*.mine"],
      ],
      deny: ["ok.no"],
    },
    subscribe: { allow: ["_INBOX.m.>", "foo.*", "orders.>"], deny: ["orders.secret"] },
  },
  /** May use all of `data.>` except `data.other`, and may read it from the stream. */
  reader: {
    publish: {
      allow: [
        ...["data.>", "$JS.API.DIRECT.GET.DATA.>", "$JS.API.CONSUMER.CREATE.DATA.>"],
        "$JS.hub.API.DIRECT.GET.DATA.>",
      ],
      deny: ["data.other", "$JS.API.DIRECT.GET.DATA.data.other", "$JS.API.CONSUMER.CREATE.DATA.*.data.other"],
    },
    subscribe: { allow: ["_INBOX.x.>"] },
  },
  /** Reads everything, and may write little. */
  auditor: {
    publish: {
      allow: ["data.mine", "ask.>", "$JS.API.DIRECT.GET.DATA.data.mine", "$SYS.REQ.ACCOUNT.PING.CONNZ"],
      deny: ["$JS.API.STREAM.>"],
    },
    subscribe: { allow: [">"] },
  },
  /** Stores to `data.mine` and gets it back, and may read only the subjects of two words below `data.`, except `data.other`. */
  watcher: {
    publish: { allow: ["data.mine", "$JS.API.DIRECT.GET.DATA.data.mine"] },
    subscribe: { allow: ["data.*", "_INBOX.w.>"], deny: ["data.other"] },
  },
  requester: { publish: { allow: ["ask.>"] }, subscribe: { allow: ["_INBOX.r.>"] } },
  /** Answers. In collusion with the requester it wants to answer to `secret.in`. */
  answerer: { subscribe: { allow: ["ask.>"] }, allow_responses: { max: 1, expires: "1m" } },
  /** The same, with the secret denied by name. */
  bounded: {
    publish: { deny: ["secret.>"] },
    subscribe: { allow: ["ask.>"] },
    allow_responses: { max: 1, expires: "1m" },
  },
} satisfies Record<string, Permissions>;

export type Application = keyof typeof APPLICATIONS;

function principalOf(application: Application): string {
  return `cluster.local/ns/shop/sa/${application}`;
}

/** The applications' rights as a policy. `more` is added to each rule. */
function policy(more: object): object {
  const rules = Object.entries(APPLICATIONS).map(([name, permissions]) => ({
    name,
    from: [{ principals: [principalOf(name as Application)] }],
    ...permissions,
    ...more,
  }));
  return { mode: "ENFORCE", trustDomains: ["cluster.local"], rules };
}

/**
 * The same rights in nats-server's own terms, and an unrestricted operator, which is every client that names no user. A banker has
 * another account.
 */
function natsConfig(): string {
  const users = Object.entries(APPLICATIONS).map(([user, permissions]) => ({ user, password: user, permissions }));
  const all = [...users, { user: "operator", password: "operator" }];
  const shop = `SHOP { jetstream: enabled, users: ${JSON.stringify(all)} }`;
  const bank = `BANK { jetstream: enabled, users: [{ user: banker, password: banker }] }`;
  return `accounts { ${shop}, ${bank} }\nno_auth_user: operator\nleafnodes { listen: "127.0.0.1:-1" }\n`;
}

interface StreamInfo {
  config: { subjects?: string[] };
  state: { subjects?: Record<string, number> };
}

/** With this header JetStream answers a message and does not store it. */
const ELSEWHERE = "Nats-Expected-Stream: NONE\r\n";

/** Where an application connects: to nats-server, which enforces its own permissions, or through the filter. */
export type Route = "alone" | "filtered" | "permitted";

/** A broker with JetStream, with the same rights enforced by it and by the filter. */
export class Town {
  readonly #clients: RawClient[] = [];
  stand!: Stand;
  /** May do everything, and watches `secret.>`. */
  operator!: RawClient;
  /** The operator's connection for requests, on which nothing but their answers comes. */
  requests!: RawClient;

  /** For the tests of the suite that calls this. It starts before them, and closes what each test has connected. */
  static ofSuite(): Town {
    const town = new Town();
    before(() => town.#start());
    afterEach(() => {
      for (const client of town.#clients.splice(0)) client.close();
    });
    after(() => town.#stop());
    return town;
  }

  async #start(): Promise<void> {
    this.stand = await Stand.start({
      listeners: {
        filtered: { filter: { config: policy({}) } },
        // What the two switches of a rule permit.
        permitted: { filter: { config: policy({ replies: "ANY", rollup: "ALL" }) } },
        permissive: { mode: "PERMISSIVE", filter: { config: policy({}) } },
        permissiveAlone: { mode: "PERMISSIVE" },
      },
      nats: { config: natsConfig(), domain: "hub" },
    });
    await this.#connectOperator();
  }

  async #connectOperator(): Promise<void> {
    const subscribed = async (subject: string): Promise<RawClient> => {
      const client = await RawClient.connect(this.stand.nats.port);
      await client.handshake();
      await client.send(`SUB ${subject} 1\r\n`);
      await client.flush();
      return client;
    };
    this.operator = await subscribed("secret.>");
    this.requests = await subscribed("_INBOX.o.>");
  }

  /** Stops nats-server, with all connections of applications, and starts it anew. Streams in files stay. */
  async restart(): Promise<void> {
    this.operator.close();
    this.requests.close();
    await this.stand.nats.restart();
    await this.#connectOperator();
  }

  async connect(application: Application, route: Route): Promise<RawClient> {
    const client = await this.#open(application, route);
    this.#clients.push(client);
    await client.handshake(route === "alone" ? { user: application, pass: application } : {});
    return client;
  }

  async #open(application: Application, route: Route): Promise<RawClient> {
    if (route === "alone") return RawClient.connect(this.stand.nats.port);
    const tls = await this.stand.identity(`spiffe://${principalOf(application)}`);
    return RawClient.connect(this.stand.port(route), { tls });
  }

  /** Starts a leaf node, to be stopped by the caller: a server to which messages of the first one go on. */
  async leaf(): Promise<NatsServer> {
    const { leaf } = await this.stand.nats.monitor<{ leaf: { port: number } }>("/varz");
    const folder = join(this.stand.folder, "leaf");
    mkdirSync(folder, { recursive: true });
    const remote = `leafnodes { remotes: [{ url: "nats://operator:operator@127.0.0.1:${leaf.port}" }] }`;
    return NatsServer.start(folder, { jetStream: false, config: remote });
  }

  /** What has come to `secret.>` since the last call. */
  async secrets(): Promise<string[]> {
    return (await this.operator.flush()).filter(isMessage).map(({ line, payload }) => `${line} ${String(payload)}`);
  }

  /** Sends a request to JetStream's API as the operator. */
  async api<T = Record<string, unknown>>(subject: string, request: object = {}): Promise<T> {
    const body = JSON.stringify(request);
    await this.requests.send(`PUB $JS.API.${subject} _INBOX.o.api ${body.length}\r\n${body}\r\n`);
    const { payload } = await this.#answer();
    const answer = JSON.parse(String(payload)) as T & { error?: { description: string } };
    if (answer.error === undefined) return answer;
    throw new Error(`${subject}: ${answer.error.description}`);
  }

  /** Creates a stream of these subjects, replacing an old one. */
  async stream(name: string, subjects: string[], more: object = {}): Promise<void> {
    const { streams } = await this.api<{ streams: string[] | null }>("STREAM.NAMES");
    if (streams?.includes(name)) await this.api(`STREAM.DELETE.${name}`);
    await this.api(`STREAM.CREATE.${name}`, { name, subjects, storage: "memory", ...more });
  }

  /** Publishes as the operator, and waits for the stream's answer. */
  async store(subject: string, payload: string, headers = ""): Promise<void> {
    await this.requests.send(publish(subject, payload, headers, "_INBOX.o.ack"));
    await this.#answer();
  }

  /** The answer to a request. A PING of the server's may come before it, and an INFO when a leaf node comes or goes. */
  async #answer(): Promise<Frame> {
    for (;;) {
      const frame = await this.requests.next();
      if (frame?.verb === "PING") await this.requests.send("PONG\r\n");
      else if (frame?.verb === "MSG") return frame;
      else if (frame?.verb !== "INFO") throw new Error(`wanted an answer, got ${JSON.stringify(frame?.line)}`);
    }
  }

  /**
   * How many messages a stream holds, by subject. A stream judges what was published to it one after the other, and not before the
   * publisher's PING is answered. So it is first given a message that it refuses: its answer comes behind all that came before.
   */
  async contents(name: string): Promise<Record<string, number>> {
    const { config } = await this.api<StreamInfo>(`STREAM.INFO.${name}`);
    for (const subject of config.subjects?.slice(0, 1) ?? [])
      await this.store(subject.replace(">", "last"), "", ELSEWHERE);
    return (await this.api<StreamInfo>(`STREAM.INFO.${name}`, { subjects_filter: ">" })).state.subjects ?? {};
  }

  /** Waits until a stream holds a message of this subject. */
  async holds(name: string, subject: string): Promise<void> {
    await waitFor(`${subject} in ${name}`, async () => (await this.contents(name))[subject] === 1);
  }

  async #stop(): Promise<void> {
    this.operator.close();
    this.requests.close();
    await this.stand.stop();
  }
}

function isMessage({ verb }: Frame): boolean {
  return verb === "MSG" || verb === "HMSG";
}

/** A PUB, or an HPUB if there are headers (lines without the first, each with its CR LF). */
export function publish(subject: string, payload = "", headers = "", reply = ""): string {
  const names = `${subject}${reply === "" ? "" : ` ${reply}`}`;
  if (headers === "") return `PUB ${names} ${payload.length}\r\n${payload}\r\n`;
  return publishBlock(names, `NATS/1.0\r\n${headers}\r\n`, payload);
}

/** An HPUB with this for a header block, whatever it is. */
export function publishBlock(names: string, block: string, payload: string): string {
  return `HPUB ${names} ${block.length} ${block.length + payload.length}\r\n${block}${payload}\r\n`;
}

/** Sends, and returns the errors that the client receives before the answer to a PING of its own. */
export async function errorsOf(client: RawClient, bytes: string | Buffer): Promise<string[]> {
  await client.send(bytes);
  return (await client.flush()).filter(({ verb }) => verb === "-ERR").map(({ line }) => line);
}

/** Sends, and returns the messages that come before the answer to a PING. */
export async function messagesOf(client: RawClient, bytes = ""): Promise<string[]> {
  await client.send(bytes);
  return (await client.flush()).filter(isMessage).map(({ line, payload }) => `${line} ${String(payload)}`);
}

/**
 * Waits until what `near` publishes on `subject` reaches `far`, a subscriber at another server, and until `far` has read all that this
 * took: a publish that only came late would be taken for a message of the test.
 */
export async function untilHeard(far: RawClient, near: RawClient, subject: string): Promise<void> {
  await waitFor(`${subject} to be known at the other server`, async () => {
    await near.send(publish(subject));
    await near.flush();
    return (await messagesOf(far)).length > 0;
  });
  await near.send(publish(subject, "last"));
  await waitFor(`the last publish on ${subject}`, async () =>
    (await messagesOf(far)).some((message) => message.endsWith(" last")),
  );
}

export function refusedPublish(subject: string): string[] {
  return [`-ERR 'Permissions Violation for Publish to "${subject}"'`];
}

export function refusedReply(subject: string): string[] {
  return [`-ERR 'Permissions Violation for Publish with Reply of "${subject}"'`];
}

export function refusedSubscription(subject: string, queue?: string): string[] {
  const using = queue === undefined ? "" : ` using queue "${queue}"`;
  return [`-ERR 'Permissions Violation for Subscription to "${subject}"${using}'`];
}

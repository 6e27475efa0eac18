import type { ListenerSpec } from "../stand/server-proxy.ts";
import { NatsServer, type NatsServerOptions } from "../stand/nats-server.ts";
import { Stand } from "../stand/stand.ts";
import { Started } from "../stand/started.ts";
import { ACCOUNT_PREFIX, policyOf, type SessionsPolicy } from "./policy.ts";
import type { Route } from "./replay.ts";
import type { ServerOptions, Session } from "./session.ts";

/** nats-server's configuration for sessions with the same options: an account with its users for each session. */
function brokerConfig(sessions: readonly Session[], options: ServerOptions, restricted: boolean): string {
  const lines: string[] = [];
  for (const key of [
    "max_payload",
    "max_control_line",
    "max_subscriptions",
    "max_sub_tokens",
    "ping_interval",
    "ping_max",
  ] as const) {
    if (options[key] !== undefined) lines.push(`${key}: ${JSON.stringify(options[key])}`);
  }
  const auth = options.auth ?? "user";
  if (auth === "none") return lines.join("\n");
  if (options.timeout !== undefined) lines.push(`authorization { timeout: ${options.timeout} }`);
  const mappings = options.mappings ? `mappings: ${JSON.stringify(options.mappings)}, ` : "";
  const accounts = sessions.map(({ id, permissions }) => {
    const own = restricted && permissions !== null ? `, permissions: ${JSON.stringify(permissions)}` : "";
    const users = `[{user: "c-${id}", password: "p"${own}}, {user: "o-${id}", password: "p"}]`;
    if (!options.imports) return `  "${id}": {${mappings}users: ${users}}`;
    const peers = `  "peers-${id}": {exports: [{stream: ">"}], users: [{user: "p-${id}", password: "p"}]}`;
    return `${peers}\n  "${id}": {imports: [{stream: {account: "peers-${id}", subject: ">"}}], users: ${users}}`;
  });
  lines.push(`accounts {\n${accounts.join("\n")}\n}`);
  if (auth === "no_auth_user") lines.push(`no_auth_user: "c-${sessions[0]?.id}"`);
  return lines.join("\n");
}

/** Sessions by their server's options. The key is the options as JSON. */
export function byServer(sessions: readonly Session[]): [string, Session[]][] {
  const groups = new Map<string, Session[]>();
  for (const session of sessions) {
    const key = JSON.stringify(session.server);
    groups.set(key, [...(groups.get(key) ?? []), session]);
  }
  return [...groups];
}

/** Sessions with an account of their own can run side by side. */
export function concurrencyOf({ auth = "user" }: ServerOptions): number {
  return auth === "user" ? 12 : 1;
}

/** Sessions with the same server options, the broker that restricts them itself, and the filter before one that does not. */
export class Brokers {
  private constructor(
    private readonly started: Started,
    private readonly native: NatsServer,
    readonly filtered: Stand,
    private readonly policy: SessionsPolicy,
  ) {}

  static async start(sessions: readonly Session[], options: ServerOptions): Promise<Brokers> {
    const policy = policyOf(
      sessions,
      (rule) => `127.${10 + (rule >> 16)}.${(rule >> 8) & 255}.${rule & 255}`,
      options.max_control_line === undefined ? {} : { controlLine: options.max_control_line },
    );
    const listener: ListenerSpec = {
      mode: "WAYPOINT",
      filter: { config: { ...policy.config, identity: "WAYPOINT" } },
      principal: `${ACCOUNT_PREFIX}%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%`,
    };
    const nats = (restricted: boolean): NatsServerOptions => ({
      config: brokerConfig(sessions, options, restricted),
      jetStream: false,
    });
    return Started.whole(async (started) => {
      const [native, filtered] = await Promise.all([
        started.add(NatsServer.start(started.folder, nats(true))),
        started.add(Stand.start({ listeners: { way: listener }, nats: nats(false), serverProxy: { concurrency: 2 } })),
      ]);
      return new Brokers(started, native, filtered, policy);
    });
  }

  get nativeRoute(): Route {
    return { clientPort: this.native.port, brokerPort: this.native.port };
  }

  filteredRoute(session: Session): Route {
    return {
      clientPort: this.filtered.port(),
      brokerPort: this.filtered.nats.port,
      clientAddress: this.policy.accountOf(session),
    };
  }

  async stop(): Promise<void> {
    await this.started.stop();
  }
}

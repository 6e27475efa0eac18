import { createHash } from "node:crypto";
// The only model of a Proxy-Wasm host here. The test suites compare it with Envoy, so the command needs none of its own.
import { Host, type Configured } from "../test/host/host.ts";

/** What the filter itself says about a configuration. */
export interface Verdict {
  accepted: boolean;
  /** As the proxy would log them: `rules[3].publish.allow[0]: …`, a line each. */
  faults: string[];
  /** How many more faults there are, which the filter only counts. */
  unlisted: number;
}

/** The same, and what reading it costs. */
export interface MeasuredVerdict extends Verdict {
  /** Wall time of the configuration callback in this process's V8. */
  milliseconds: number;
  /** The VM's memory to which reading the configuration has written, in whole pages of 64 KiB. */
  memoryBytes: number;
  /** The label `policy` of `istio_nats_policy_info` while it is in force. Undefined where it is refused. */
  fingerprint?: string;
}

const PAGE = 65536;

/**
 * How many policies one VM reads before another takes its place. With one for each, doctor took most of its time to make them where
 * there are thousands. Those that are longer have one of their own, as in a proxy that starts with them.
 */
const POLICIES_PER_VM = 50;
const MAX_SHARED_LENGTH = 16 << 10;

/** The last line if there are more faults than the filter lists (assembly/policy/faults.ts). No path begins like this. */
const UNLISTED = /^and (\d+) more faults?$/;

/** The label in the raw name of a stat, as Envoy has it before it makes labels of names (assembly/telemetry/names.ts). */
const POLICY_LABEL = /;policy=\.=([0-9a-f]{16});\.;.*;istio_nats_policy_info$/;

/** What nats-server says first, without what no answer depends on. */
const INFO = 'INFO {"headers":true,"max_payload":1048576}\r\n';

/** The compiled filter, the same bytes that proxies load. */
export class Filter {
  /** The SHA-256 of the module's bytes in hexadecimal, which a manifest might wrongly give as the digest of its image. */
  readonly sha256: string;
  private readonly module: WebAssembly.Module;
  private shared: { host: Host; policies: number } | undefined;

  constructor(wasm: Uint8Array<ArrayBuffer>) {
    this.sha256 = createHash("sha256").update(wasm).digest("hex");
    this.module = new WebAssembly.Module(wasm);
  }

  /** Gives `configuration` (the bytes that Envoy would give; none for an absent pluginConfig) to a fresh VM. */
  measure(configuration: string): MeasuredVerdict {
    const host = new Host(this.module);
    const pages = host.writtenPages;
    const began = performance.now();
    const configured = host.configure(configuration);
    const milliseconds = performance.now() - began;
    const memoryBytes = (host.writtenPages - pages) * PAGE;
    return { ...verdictOf(configured), milliseconds, memoryBytes, ...fingerprintIn(host) };
  }

  /** Says the same of it, but not what it costs, by a VM that may have read others before. */
  judge(configuration: string): Verdict {
    const host = configuration.length > MAX_SHARED_LENGTH ? new Host(this.module) : this.sharedHost();
    const configured = host.configure(configuration);
    // A VM that keeps what it has read takes longer for each that follows.
    host.deleteRoot(configured.root);
    return verdictOf(configured);
  }

  /** Which of these peers, as their certificates name them, may connect under a configuration that it accepts and that enforces. */
  admitted(configuration: string, peers: readonly string[]): Set<string> {
    const host = new Host(this.module);
    const { root } = host.configure(configuration);
    const isAdmitted = (peer: string): boolean => {
      const connection = host.connect({ root, properties: { "connection.uri_san_peer_certificate": peer } });
      connection.fromServer(INFO);
      // nats-server reads nothing of a peer without any rights but a PING of the filter's own, whose answer tells when to refuse it.
      const isForwarded = Buffer.from(connection.fromClient("CONNECT {}\r\n")).includes("CONNECT");
      connection.close();
      return isForwarded;
    };
    return new Set(peers.filter(isAdmitted));
  }

  private sharedHost(): Host {
    if (!this.shared || this.shared.policies === POLICIES_PER_VM)
      this.shared = { host: new Host(this.module), policies: 0 };
    this.shared.policies++;
    return this.shared.host;
  }
}

/** The fingerprint of the policy that is in force in this VM, after its first tick. */
function fingerprintIn(host: Host): Pick<MeasuredVerdict, "fingerprint"> {
  host.tick();
  for (const [name, value] of host.metrics) {
    const fingerprint = POLICY_LABEL.exec(name)?.[1];
    if (fingerprint !== undefined && value === 1) return { fingerprint };
  }
  return {};
}

function verdictOf({ accepted, logs }: Configured): Verdict {
  const lines = logs.flatMap(({ message }) => faultsIn(message));
  const [, more] = UNLISTED.exec(lines.at(-1) ?? "") ?? [];
  const faults = more === undefined ? lines : lines.slice(0, -1);
  if (!accepted && faults.length === 0) faults.push("configuration: is refused without a reason");
  return { accepted, faults, unlisted: Number(more ?? 0) };
}

/** The lines after `istio-nats: this configuration is refused whole, 2 fault(s):`. */
function faultsIn(message: string): string[] {
  const [first = "", ...lines] = message.split("\n");
  return first.endsWith("fault(s):") ? lines : [];
}

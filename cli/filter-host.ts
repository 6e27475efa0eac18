import { createHash } from "node:crypto";
// The only model of a Proxy-Wasm host here. The test suites compare it with Envoy, so the command needs none of its own.
import { Host } from "../test/host/host.ts";

/** What the filter itself says about a configuration, and what reading it costs. */
export interface Verdict {
  accepted: boolean;
  /** As the proxy would log them: `rules[3].publish.allow[0]: …`, a line each. */
  faults: string[];
  /** How many more faults there are, which the filter only counts. */
  unlisted: number;
  /** Wall time of the configuration callback in this process's V8. */
  milliseconds: number;
  /** The VM's memory to which reading the configuration has written, in whole pages of 64 KiB. */
  memoryBytes: number;
}

const PAGE = 65536;

/** The last line if there are more faults than the filter lists (assembly/policy/faults.ts). No path begins like this. */
const UNLISTED = /^and (\d+) more faults?$/;

/** The compiled filter, the same bytes that proxies load. */
export class Filter {
  /** The SHA-256 of the module's bytes in hexadecimal, which a manifest might wrongly give as the digest of its image. */
  readonly sha256: string;
  private readonly module: WebAssembly.Module;

  constructor(wasm: Uint8Array<ArrayBuffer>) {
    this.sha256 = createHash("sha256").update(wasm).digest("hex");
    this.module = new WebAssembly.Module(wasm);
  }

  /** Gives `configuration` (the bytes that Envoy would give; none for an absent pluginConfig) to a fresh VM. */
  judge(configuration: string): Verdict {
    const host = new Host(this.module);
    const pages = host.writtenPages;
    const began = performance.now();
    const { accepted, logs } = host.configure(configuration);
    const milliseconds = performance.now() - began;
    const lines = logs.flatMap(({ message }) => faultsIn(message));
    const [, more] = UNLISTED.exec(lines.at(-1) ?? "") ?? [];
    const faults = more === undefined ? lines : lines.slice(0, -1);
    if (!accepted && faults.length === 0) faults.push("configuration: is refused without a reason");
    return {
      accepted,
      faults,
      unlisted: Number(more ?? 0),
      milliseconds,
      memoryBytes: (host.writtenPages - pages) * PAGE,
    };
  }
}

/** The lines after `istio-nats: this configuration is refused whole, 2 fault(s):`. */
function faultsIn(message: string): string[] {
  const [first = "", ...lines] = message.split("\n");
  return first.endsWith("fault(s):") ? lines : [];
}

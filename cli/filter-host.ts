import { createHash } from "node:crypto";
// The one model of a Proxy-Wasm host that there is: the suites hold it against Envoy, so the command need not have its own.
import { Host } from "../test/host/host.ts";

/** What the filter itself says of a configuration, and what it costs it. */
export interface Verdict {
  accepted: boolean;
  /** As the proxy would log them: `rules[3].publish.allow[0]: …`, a line each. */
  faults: string[];
  /** How many more there are, of which it tells the number only. */
  unlisted: number;
  /** Wall time of the configuration callback in this process's V8. */
  milliseconds: number;
  /** Of the VM's memory, in whole pages of 64 KiB, that reading it has written to. */
  memoryBytes: number;
}

const PAGE = 65536;

/** The last line where there are more faults than the filter lists (assembly/policy/faults.ts). No path begins so. */
const UNLISTED = /^and (\d+) more faults?$/;

/** The compiled filter, the same bytes that proxies load. */
export class Filter {
  /** Of the module's bytes, in hexadecimal: what a manifest might wrongly give as the digest of its image. */
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

/** The lines behind `istio-nats: this configuration is refused whole, 2 fault(s):`. */
function faultsIn(message: string): string[] {
  const [first = "", ...lines] = message.split("\n");
  return first.endsWith("fault(s):") ? lines : [];
}

import { readFileSync } from "node:fs";
import pc from "picocolors";
import { examine, type ExamineOptions } from "../../cli/doctor/examine.ts";
import type { Finding } from "../../cli/doctor/finding.ts";
import type { ExitStatus } from "../../cli/exit-status.ts";
import { Filter } from "../../cli/filter-host.ts";
import type { Source } from "../../cli/manifests/source.ts";
import { run } from "../../cli/program.ts";
import { filterWasm } from "../../tools/wasm.ts";

export const filter = new Filter(new Uint8Array(readFileSync(filterWasm)));

const OPTIONS: ExamineOptions = { namespace: "default", rootNamespace: "istio-system" };

/** Of which doctor says nothing but `port-not-tcp`. */
export const SERVICE = "apiVersion: v1\nkind: Service\nmetadata: {name: nats}\nspec:\n  ports:\n  - port: 4222\n";

export function sourceOf(text: string): Source {
  return { file: "a.yaml", text, named: true, tooLarge: false, helmTemplate: false };
}

/** What doctor finds in texts. The first is `a.yaml`, unless they are named. */
export function doctor(...texts: (string | Source)[]): Finding[] {
  const sources = texts.map((text) => (typeof text === "string" ? sourceOf(text) : text));
  return examine(sources, filter, OPTIONS).findings;
}

/** `12:7 port-not-tcp`, the form in which the tests write what they expect. */
export function placed({ id, place }: Finding): string {
  return `${place.line}:${place.column} ${id}`;
}

export interface Ran {
  status: ExitStatus;
  output: string;
  errors: string;
}

/** Runs the command in this process. */
export function istioNats(args: readonly string[], standardInput = ""): Ran {
  let [output, errors] = ["", ""];
  const status = run(args, {
    version: "0.0.0",
    filter: () => filter,
    write: (text) => (output += text),
    writeError: (text) => (errors += text),
    readStandardInput: () => Buffer.from(standardInput),
    colors: pc.createColors(false),
  });
  return { status, output, errors };
}

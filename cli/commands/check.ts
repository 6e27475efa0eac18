import { checkPolicies, type CheckedPolicy } from "../doctor/check.ts";
import { placeText } from "../manifests/place.ts";
import { readSources } from "../manifests/source.ts";
import { countsOf, OUTPUT_VERSION, recordOf, statusOf } from "../output/report.ts";
import { counted, countsText, findingText, printable } from "../output/text.ts";
import type { AddCommand, JudgingOptions } from "./command.ts";
import { nothingJudged } from "./nothing-judged.ts";
import { namespaceOption, outputOption, strictOption } from "./options.ts";

/** Times are rounded to three digits, since they are the wall time of one run. */
function policyText({
  place,
  title,
  accepted,
  rules,
  bytes,
  objectBytes,
  milliseconds,
  memoryBytes,
  fingerprint,
}: CheckedPolicy): string {
  const size = counted(bytes, "byte") + (objectBytes === undefined ? "" : `, the object ${objectBytes}`);
  const name = fingerprint === undefined ? "" : `, fingerprint ${fingerprint}`;
  const cost = `read in ${Number(milliseconds.toPrecision(3))} ms with ${memoryText(memoryBytes)}`;
  const verdict = accepted ? "accepted" : "refused";
  return `${printable(placeText(place))}: ${printable(title)}: ${verdict}: ${counted(rules, "rule")}, ${size}${name}, ${cost}\n`;
}

/** A small policy may lie in pages that a VM without any policy uses already. */
export function memoryText(bytes: number): string {
  return bytes === 0 ? "no more Wasm memory" : `${bytes} more bytes of Wasm memory`;
}

const WANTED = {
  what: "policy",
  remedy: "give a WasmPlugin, a TrafficExtension, a pluginConfig by itself, or chart values",
  chartRemedy: "give your chart values, or render the chart: helm template RELEASE CHART | istio-nats check -",
};

/** `istio-nats check`. */
export const addCheck: AddCommand = (program, context) => {
  program
    .command("check")
    .description("Let the compiled filter itself read a policy, and report its faults with their places.")
    .argument(
      "<policies...>",
      "files, folders, or - for standard input; each file holds a pluginConfig by itself (YAML or JSON), a WasmPlugin, a TrafficExtension, complete chart values, or a HelmRelease, Application, ApplicationSet or HelmChart with these",
    )
    .addOption(outputOption())
    .addOption(strictOption())
    .addOption(namespaceOption())
    .action((names: string[], options: JudgingOptions) => {
      const sources = readSources(names, () => context.readStandardInput());
      const { policies, findings } = checkPolicies(sources, context.filter(), options.namespace);
      const counts = countsOf(findings);
      if (options.output === "json") {
        const records = policies.map((policy) => ({
          ...policy.place,
          accepted: policy.accepted,
          rules: policy.rules,
          bytes: policy.bytes,
          ...(policy.objectBytes === undefined ? {} : { object_bytes: policy.objectBytes }),
          ...(policy.fingerprint === undefined ? {} : { fingerprint: policy.fingerprint }),
          load_milliseconds: policy.milliseconds,
          memory_bytes: policy.memoryBytes,
        }));
        const report = {
          version: OUTPUT_VERSION,
          command: "check",
          policies: records,
          counts,
          findings: findings.map(recordOf),
        };
        context.write(`${JSON.stringify(report, null, 2)}\n`);
      } else {
        for (const finding of findings) context.write(findingText(finding, context.colors));
        for (const policy of policies) context.write(policyText(policy));
        if (findings.length > 0 && policies.length + counts.error > 0) context.write(`${countsText(counts)}\n`);
      }
      if (policies.length + counts.error === 0) throw nothingJudged(names, sources, WANTED);
      context.end(statusOf(counts, options.strict));
    });
};

import type { Command } from "commander";
import { examine } from "../doctor/examine.ts";
import { readSources } from "../manifests/source.ts";
import { countsOf, OUTPUT_VERSION, recordOf, statusOf } from "../output/report.ts";
import { counted, countsText, findingText } from "../output/text.ts";
import type { AddCommand, JudgingOptions } from "./command.ts";
import { nothingJudged } from "./nothing-judged.ts";
import { namespaceOption, outputOption, rootNamespaceOption, strictOption } from "./options.ts";

interface DoctorOptions extends JudgingOptions {
  rootNamespace: string;
}

const WANTED = {
  what: "Kubernetes object",
  remedy: "give manifests as kubectl takes them; for a policy by itself: istio-nats check FILE",
  chartRemedy: "render the chart first: helm template RELEASE CHART | istio-nats doctor -",
};

/** `istio-nats doctor`. */
export const addDoctor: AddCommand = (program, context) => {
  program
    .command("doctor")
    .description("Read Kubernetes and Istio manifests, and report what will not work, where, and how to fix it.")
    .argument("<files...>", "files, folders, or - for standard input; all of them are judged together, as one mesh")
    .addOption(outputOption())
    .addOption(strictOption())
    .addOption(namespaceOption())
    .addOption(rootNamespaceOption())
    .action((names: string[], options: DoctorOptions, command: Command) => {
      const sources = readSources(names, () => context.readStandardInput());
      const isNamespaceGiven = command.getOptionValueSource("namespace") === "cli";
      const { findings, resources } = examine(sources, context.filter(), { ...options, isNamespaceGiven });
      const counts = countsOf(findings);
      if (options.output === "json") {
        const report = {
          version: OUTPUT_VERSION,
          command: "doctor",
          files: sources.length,
          resources,
          counts,
          findings: findings.map(recordOf),
        };
        context.write(`${JSON.stringify(report, null, 2)}\n`);
      } else {
        for (const finding of findings) context.write(findingText(finding, context.colors));
        if (resources + counts.error > 0)
          context.write(
            `${countsText(counts)} in ${counted(resources, "object")} of ${counted(sources.length, "file")}\n`,
          );
      }
      if (resources + counts.error === 0) throw nothingJudged(names, sources, WANTED);
      context.end(statusOf(counts, options.strict));
    });
};

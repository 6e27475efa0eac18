import { Help, type Command, type Option } from "commander";
import type { Check } from "./doctor/family.ts";
import { FAMILIES } from "./doctor/table.ts";
import { remedyText } from "./manifests/rendering.ts";
import { makeProgram } from "./program.ts";

/** Written by hand. The rest of the page is made from the tables. */
const INTRODUCTION = `# The command \`istio-nats\`

<!-- Made by npm run docs:cli from the command's own tables. -->

One file that needs Node 20 or newer and nothing else (\`npm run build:cli\` makes \`build/istio-nats.cjs\`). It contains the compiled
filter, the same bytes that proxies load, so a policy is judged by what will enforce it.

\`\`\`console
$ kubectl kustomize overlays/production | istio-nats doctor -
<stdin>:14:11: error: port 4222 of Service messaging/nats (clients) is named "client": Istio waits for the client's first bytes to guess the protocol, and the client waits for nats-server, which speaks first [port-not-tcp]
    write appProtocol: tcp, or a port name that is tcp or begins with tcp-
1 error in 9 objects of 1 file
\`\`\`

## What it reads

- YAML and JSON as kubectl and Helm read them: several documents in a file, Lists, anchors and merge keys; \`no\`, \`on\` and \`y\` without
  quotes are booleans, and \`0100\` is 64. A folder stands for every \`*.yaml\`, \`*.yml\` and \`*.json\` below it, also through links. Files are
  UTF-8, or UTF-16 with a byte order mark, and have at most 16 MiB, before and after aliases are expanded.
- Charts and kustomizations when they are rendered: a chart's template and a patch of kustomize are skipped and reported, and a \`\${VAR}\` that
  something has still to fill in is not judged as a value.
- \`doctor\` judges all files together as one mesh: give it nats-server's workload and Service, the plugin, and Istio's policies in one run, and
  those of another cluster in another. It never asks a cluster. It takes 4222 to be nats-server's client port.

## Exit status

| status | meaning                                                                     |
| ------ | --------------------------------------------------------------------------- |
| \`0\`    | nothing of severity \`error\` was found; with \`--strict\` no \`warning\` either |
| \`1\`    | something was found                                                         |
| \`2\`    | wrong usage, a file that cannot be read, or files with nothing to judge    |

## For pipelines

\`--output json\` has a stable shape, described by [cli/output.schema.json](../../cli/output.schema.json). Ids of checks do not change.
Lines and columns start at 1, and columns count UTF-16 units, as editors do. Only terminals get colours, and \`NO_COLOR\` turns
them off.

\`\`\`json
${JSON.stringify(
  {
    version: 1,
    command: "doctor",
    files: 1,
    resources: 9,
    counts: { error: 1, warning: 0, info: 0 },
    findings: [
      {
        id: "port-not-tcp",
        severity: "error",
        file: "<stdin>",
        line: 14,
        column: 11,
        message: "…",
        remedy: "write appProtocol: tcp, or a port name that is tcp or begins with tcp-",
        documentation: "docs/reference/cli.md#port-not-tcp",
      },
    ],
  },
  null,
  2,
)}
\`\`\`

\`check\` also reports the number of rules, the bytes of \`pluginConfig\` as the proxy gets it and of the whole object, how long the filter took to
read it here, and the memory that reading it has written to. A proxy holds this once for each worker thread and once for its main thread.
`;

function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("<", "&lt;");
}

function optionRow({ flags, description, defaultValue, argChoices }: Option): string {
  const choices = argChoices ? ` (${argChoices.join(", ")})` : "";
  const standard = typeof defaultValue === "string" ? `\`${defaultValue}\`` : "";
  return `| \`${flags}\` | ${standard} | ${cell(description)}${choices} |`;
}

function commandSection(command: Command): string {
  const usage = new Help().commandUsage(command);
  const rows = command.options.map(optionRow).join("\n");
  const [argument] = command.registeredArguments;
  return `## \`${command.name()}\`\n\n    ${usage}\n\n${command.description()} Arguments: ${argument?.description ?? ""}.\n\n| option | default | |\n| --- | --- | --- |\n${rows}\n`;
}

/** A row of a family's table. Findings link to its anchor. */
function checkRow(id: string, { severity, what, remedy }: Check): string {
  const cells = [`<a id="${id}"></a>\`${id}\``, severity, what, remedyText(remedy, "doctor")];
  return `| ${cells.map((text) => text.replaceAll("|", "\\|")).join(" | ")} |`;
}

/** The page about the command as Markdown, not yet formatted. */
export function reference(): string {
  const nothing = (): never => {
    throw new Error("only the page is made, nothing runs");
  };
  const terminal = {
    version: "",
    filter: nothing,
    write: nothing,
    writeError: nothing,
    readStandardInput: nothing,
    colors: nothing as never,
  };
  const { commands } = makeProgram(terminal, nothing);
  const families = FAMILIES.map(({ title, checks }) =>
    [
      `### ${title}\n`,
      "| check | severity | what it means | remedy |",
      "| --- | --- | --- | --- |",
      ...Object.entries(checks).map(([id, check]) => checkRow(id, check)),
      "",
    ].join("\n"),
  );
  const checks =
    "## What doctor checks\n\n`error`: it will not work, or it protects nothing. `warning`: it may be a mistake or intended. `info`: good to know.\n";
  return [INTRODUCTION, ...commands.map(commandSection), checks, ...families].join("\n");
}

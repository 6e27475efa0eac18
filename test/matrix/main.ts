import { Command, Option } from "commander";
import pc from "picocolors";
import { run } from "../../tools/command.ts";
import { inRoot } from "../../tools/paths.ts";
import {
  ENVOYS,
  NATS_SERVERS,
  pinnedEnvoy,
  pinnedNatsServer,
  type EnvoyVersion,
  type NatsServerVersion,
} from "../../tools/versions.ts";
import { buildFilter } from "../../tools/wasm.ts";

/**
 * `npm run test:matrix` runs the recorded sessions with each nats-server behind each Envoy, and devices of MQTT and the smuggling
 * run with each nats-server. It takes some minutes and is not part of `npm test`.
 */

/** What devices of MQTT can make nats-server write, behind the newest Envoy. */
const DEVICES = "test/matrix/devices.test.ts";

/** Without an Envoy: what the compiled filter lets through of random streams is sent to the nats-server, whose trace decides. */
const SMUGGLING = "test/fuzz/reader.test.ts";

const natsServers = Object.keys(NATS_SERVERS) as NatsServerVersion[];
const envoys = Object.keys(ENVOYS) as EnvoyVersion[];

/**
 * Unless Envoys are named, these run behind the newest one alone. How an Envoy hands bytes to the filter does not depend on the
 * broker behind it, and what depends on both would show with the others.
 */
const BEHIND_NEWEST: readonly NatsServerVersion[] = ["2.11", "2.14", "2.15.3"];

interface Chosen {
  natsServer: NatsServerVersion[];
  envoy?: EnvoyVersion[];
}

interface Row {
  what: string;
  passed: number;
  failed: number;
  seconds: number;
}

const { natsServer: chosenServers, envoy: chosenEnvoys } = new Command("npm run test:matrix --")
  .description(
    "Runs the recorded sessions, devices of MQTT and the smuggling run with every version of nats-server and Envoy.",
  )
  .addOption(new Option("--nats-server <versions...>", "only these").choices(natsServers).default(natsServers))
  .addOption(new Option("--envoy <versions...>", "only these").choices(envoys))
  .parse()
  .opts<Chosen>();

function envoysFor(server: NatsServerVersion): readonly EnvoyVersion[] {
  return chosenEnvoys ?? (BEHIND_NEWEST.includes(server) ? envoys.slice(-1) : envoys);
}

/** Runs one test file. A file without any test has failed. */
async function runTests(what: string, file: string, env: Record<string, string>): Promise<Row> {
  process.stdout.write(`${pc.bold(`── ${what}`)}\n`);
  const began = performance.now();
  const args = ["--import", "tsx", "--test", "--test-reporter=tap", file];
  const { status, output } = await run(process.execPath, args, { cwd: inRoot(), env });
  const count = (kind: string): number => Number(new RegExp(`^# ${kind} (\\d+)$`, "m").exec(output)?.[1] ?? 0);
  const row = { what, passed: count("pass"), failed: count("fail"), seconds: (performance.now() - began) / 1000 };
  if (status === 0 && row.passed > 0) return row;
  process.stdout.write(output.slice(output.search(/^ *not ok/m)));
  return { ...row, failed: Math.max(row.failed, 1) };
}

await buildFilter();
const rows: Row[] = [];
for (const server of chosenServers) {
  const NATS_SERVER = await pinnedNatsServer(server);
  for (const version of envoysFor(server)) {
    const env = { NATS_SERVER, ENVOY: await pinnedEnvoy(version) };
    rows.push(await runTests(`sessions, nats-server ${server}, Envoy ${version}`, "test/matrix/broker.test.ts", env));
  }
  rows.push(await runTests(`devices, nats-server ${server}`, DEVICES, { NATS_SERVER }));
  rows.push(await runTests(`smuggling, nats-server ${server}`, SMUGGLING, { NATS_SERVER }));
}

process.stdout.write(`\n${pc.bold("── matrix")}\n\n`);
for (const { what, passed, failed, seconds } of rows) {
  const mark = failed === 0 ? pc.green("✔") : pc.red("✖");
  process.stdout.write(`${mark} ${what.padEnd(42)} ${passed} passed, ${failed} failed (${seconds.toFixed(0)} s)\n`);
}
const total = (key: "passed" | "failed"): number => rows.reduce((sum, row) => sum + row[key], 0);
process.stdout.write(`\n${total("passed")} passed, ${total("failed")} failed\n`);
process.exitCode = total("failed") === 0 ? 0 : 1;

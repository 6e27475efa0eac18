// Shows the main job: workloads with SPIFFE identities use one unmodified nats-server through real Envoys, and each may do what its
// policy says. Nothing is printed that was not observed. An observation that the policy does not explain ends the demo with status
// 1.

import { Command } from "commander";
import { colours } from "./colours.ts";
import { Stand } from "../stand/stand.ts";
import { dashboard } from "./dashboard.ts";
import { members, ordersApi, policy, trialPolicy } from "./cast.ts";
import { keep } from "./keep.ts";
import { report } from "./report.ts";
import { play, type Stage } from "./scenes.ts";
import { Story } from "./story.ts";

async function build(story: Story): Promise<Stage> {
  const filter = { config: policy };
  const stand = await Stand.start({
    listeners: {
      mtls: { mode: "STRICT", filter },
      permissive: { mode: "PERMISSIVE", filter },
      trial: { mode: "STRICT", filter: { config: trialPolicy } },
    },
  });
  const [trial, ...sidecars] = await Promise.all([
    stand.sidecar(ordersApi.principal, { listener: "trial" }),
    ...members.map(({ principal }) => stand.sidecar(principal)),
  ]);
  return { stand, story, trial, sidecars: new Map(members.map((member, i) => [member, sidecars[i]!])) };
}

async function introduce({ stand, story }: Stage): Promise<void> {
  const server = await stand.nats.monitor<{ version: string }>("/varz");
  story.line(colours.bold("istio-nats: who may use which NATS subject, by mesh identity"));
  story.line(
    `nats-server ${server.version}, unmodified, behind Envoy ${await stand.envoy.version()} with build/istio-nats.wasm; ` +
      `each client behind an Envoy of its own`,
  );
}

interface Options {
  keep: boolean;
  dashboard: boolean;
}

async function demo({ keep: keepsRunning, dashboard: isWatched }: Options): Promise<void> {
  const story = new Story();
  const stage = await build(story);
  try {
    if (isWatched) {
      await dashboard(stage);
      return;
    }
    await introduce(stage);
    await play(stage);
    await report(stage.stand, story);
    story.line();
    if (story.wrong > 0) {
      story.line(
        colours.red(`✖ ${story.wrong} of ${story.wrong + story.kept} observations are not what the policy says`),
      );
      process.exitCode = 1;
    } else {
      story.line(colours.green(`✔ all ${story.kept} observations are what the policy says`));
    }
    if (keepsRunning) await keep(stage);
  } finally {
    await stage.stand.stop();
  }
}

await new Command("npm run demo --")
  .description("Workloads with SPIFFE identities use one nats-server through Envoy, each as its policy says.")
  .option("--keep", "leave everything running until Ctrl-C, and explain how to go on with the nats command", false)
  .option("--dashboard", "show who does what, live from Envoy's stats, instead of the story", false)
  .action(demo)
  .parseAsync();

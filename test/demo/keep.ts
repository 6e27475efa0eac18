import { binaries } from "../../tools/binaries.ts";
import { ordersApi, workers } from "./cast.ts";
import { interrupted } from "./interrupted.ts";
import type { Stage } from "./scenes.ts";

const COMMANDS: Record<string, string> = {
  [ordersApi.name]: "pub orders.eu.created hello",
  [workers.name]: "sub 'orders.>' --queue workers",
};

/** Explains how to try things with the stand, and waits for Ctrl-C. */
export async function keep({ stand, sidecars, trial, story }: Stage): Promise<void> {
  const { nats } = await binaries();
  story.heading("the stand stays up until Ctrl-C");
  story.quote(`admin of nats-server's Envoy   http://${stand.envoy.adminAddress}  (/stats/prometheus, /config_dump)`);
  story.quote(`nats-server's monitoring       http://127.0.0.1:${stand.nats.monitoringPort}/connz`);
  story.quote(`the port with mTLS STRICT      ${stand.port("mtls")}`);
  story.quote(`the port with mTLS PERMISSIVE  ${stand.port("permissive")}`);
  story.quote(`the port in DRY_RUN            ${stand.port("trial")}  (mTLS STRICT)`);
  story.note("the audit, as it is written:");
  story.quote(`tail -f ${stand.envoy.logFile} | grep --line-buffered istio_nats_audit`);
  for (const [member, sidecar] of sidecars) {
    const command = COMMANDS[member.name] ?? "sub 'orders.>'";
    story.note(`as ${member.name}:`);
    story.quote(`${nats} --server ${sidecar.url} ${command}`);
  }
  story.note(`as ${ordersApi.name}, in DRY_RUN:`);
  story.quote(`${nats} --server ${trial.url} pub orders.admin.purge hello`);
  await interrupted();
}

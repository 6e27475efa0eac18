import { binaries } from "../../tools/binaries.ts";
import { must } from "../../tools/command.ts";

const { natsServer } = await binaries();

/** The version of the nats-server that $NATS_SERVER names, such as 2.15.2, and what is before its patch. */
export const [, VERSION = "unknown", MINOR = VERSION] =
  /v((\d+\.\d+)\.\d+)/.exec(await must("Let $NATS_SERVER name a nats-server.", natsServer, ["--version"])) ?? [];

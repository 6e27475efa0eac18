import { attachment } from "./families/attachment.ts";
import { authorization } from "./families/authorization.ts";
import { brokerPorts } from "./families/broker-ports.ts";
import { files } from "./families/files.ts";
import { forms } from "./families/forms.ts";
import { image } from "./families/image.ts";
import { match } from "./families/match.ts";
import { mtls } from "./families/mtls.ts";
import { natsConf } from "./families/nats-conf.ts";
import { natsTls } from "./families/nats-tls.ts";
import { plugin } from "./families/plugin.ts";
import { pods } from "./families/pods.ts";
import { podNames } from "./families/pod-names.ts";
import { policy } from "./families/policy.ts";
import { protocol } from "./families/protocol.ts";
import { rendered } from "./families/rendered.ts";
import { routes } from "./families/routes.ts";
import { spelling } from "./families/spelling.ts";
import { size } from "./families/size.ts";
import { waypoint } from "./families/waypoint.ts";
import type { Check, Family } from "./family.ts";

/** All families of checks, in the order of the documentation. */
export const FAMILIES: readonly Family[] = [
  files,
  rendered,
  spelling,
  forms,
  protocol,
  match,
  plugin,
  attachment,
  waypoint,
  routes,
  policy,
  image,
  size,
  mtls,
  natsTls,
  natsConf,
  podNames,
  authorization,
  brokerPorts,
  pods,
];

/** Every check by its id. Ids are an interface, because pipelines name them. */
export const CHECKS: ReadonlyMap<string, Check> = new Map(FAMILIES.flatMap(({ checks }) => Object.entries(checks)));

/** Where a check is documented. */
export function documentationOf(id: string): string {
  return `docs/reference/cli.md#${id}`;
}

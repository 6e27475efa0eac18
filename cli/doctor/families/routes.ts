import { namedSubsets, subsetsOf } from "../../mesh/subset.ts";
import { nearest } from "../../nearest.ts";
import { family } from "../family.ts";

export const routes = family(
  "Routes to NATS",
  {
    "subset-nothing": {
      severity: "error",
      what:
        "A TCP or TLS route of a VirtualService leads connections of NATS to a subset that no DestinationRule of this host has. " +
        "Envoy has no such cluster, and closes each of these connections at once.",
      remedy: "write the name of a subset that the DestinationRule has, or add this one under its subsets",
    },
    "subset-unseen": {
      severity: "warning",
      what:
        "A TCP or TLS route of a VirtualService leads connections of NATS to a subset, and no DestinationRule for the host is " +
        "among the files. If there is none in the cluster either, Envoy closes each of these connections at once.",
      remedy: "give the DestinationRule's file too, or apply one that has this subset, as deploy/egress does",
    },
  },
  ({ mesh }, report) => {
    for (const named of namedSubsets(mesh)) {
      const { virtualService, subset, host } = named;
      const [name = "", known] = [subset.text(), subsetsOf(named, mesh)];
      if (known?.includes(name)) continue;
      const leads = `${virtualService.title} leads to subset ${name} of ${host}`;
      if (!known) {
        report("subset-unseen", subset.place, `${leads}, for which no DestinationRule is among the files`);
        continue;
      }
      const have = known.length > 0 ? `has ${known.join(", ")}` : "has no subsets";
      const meant = nearest(name, known);
      const remedy = meant === undefined ? undefined : `did you mean ${meant}?`;
      report("subset-nothing", subset.place, `${leads}, whose DestinationRule ${have}`, remedy);
    }
  },
);

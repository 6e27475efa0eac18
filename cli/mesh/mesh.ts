import type { Field } from "../manifests/field.ts";
import type { Resource } from "../manifests/resource.ts";
import { CLIENT_PORT } from "./nats-ports.ts";
import { placementOf, type Placement } from "./placement.ts";
import { Plugin } from "./plugin.ts";
import { Service, type ServicePort } from "./service.ts";
import { Workload } from "./workload.ts";

export interface MeshOptions {
  /** Where mesh-wide resources live. */
  rootNamespace: string;
}

/** Everything that the files say, looked up by what the checks ask for. */
export class Mesh {
  readonly rootNamespace: string;
  readonly services: Service[];
  readonly workloads: Workload[];
  /** Those that run nats-server. */
  readonly brokers: Workload[];
  /** This filter's; others' are not judged. */
  readonly plugins: Plugin[];
  private readonly placements = new Map<Plugin, Placement>();

  constructor(
    readonly resources: readonly Resource[],
    options: MeshOptions,
  ) {
    this.rootNamespace = options.rootNamespace;
    this.services = this.of("Service", "").map((resource) => new Service(resource));
    this.workloads = resources.flatMap((resource) => Workload.of(resource) ?? []);
    this.brokers = this.workloads.filter((workload) => workload.isBroker);
    this.plugins = resources
      .filter((resource) => Plugin.isPlugin(resource))
      .map((resource) => new Plugin(resource))
      .filter(({ isOurs }) => isOurs);
  }

  of(kind: string, group: string): Resource[] {
    return this.resources.filter((resource) => resource.kind === kind && resource.group === group);
  }

  placement(plugin: Plugin): Placement {
    const known = this.placements.get(plugin) ?? placementOf(plugin, this);
    this.placements.set(plugin, known);
    return known;
  }

  servicesOf(workload: Workload): Service[] {
    return this.services.filter((service) => service.selectsWorkload(workload));
  }

  /** The container port behind a Service's port; a name is known only where the pods are. */
  targetOf(service: Service, { target }: ServicePort): number | undefined {
    if (/^\d+$/.test(target)) return Number(target);
    const [number] = this.workloads
      .filter((workload) => service.selectsWorkload(workload))
      .flatMap((workload) => workload.resolvePort(target) ?? []);
    return number;
  }

  /** The ports of a Service behind which nats-server's clients are served. */
  clientPorts(service: Service): ServicePort[] {
    return service.ports.filter((port) => port.number === CLIENT_PORT || this.targetOf(service, port) === CLIENT_PORT);
  }

  /** A Service of nats-server: it has its client port, or its pods are among the files. */
  isBrokerService(service: Service): boolean {
    return this.clientPorts(service).length > 0 || this.brokers.some((broker) => service.selectsWorkload(broker));
  }

  pluginsOf(workload: Workload): Plugin[] {
    return this.plugins.filter((plugin) => plugin.selectsWorkload(workload, this.rootNamespace));
  }

  /** Without a sidecar of its own: a waypoint judges, and what is said of sidecars does not concern it. */
  isAmbient(workload: Workload): boolean {
    const namespace = this.of("Namespace", "").find(({ name }) => name === workload.namespace);
    const mode = workload.labels.get("istio.io/dataplane-mode") ?? namespace?.labels.get("istio.io/dataplane-mode");
    if (mode !== undefined) return mode === "ambient";
    return (
      this.waypointServices().some((service) => service.selectsWorkload(workload)) && !this.hasSidecarPlugin(workload)
    );
  }

  /** Services to which a plugin of a waypoint is attached. */
  waypointServices(): Service[] {
    const targets = this.plugins.flatMap((plugin) =>
      plugin.targetRefs
        .filter((target) => target.text("kind") === "Service")
        .map((target) => `${plugin.resource.namespace}/${target.text("name") ?? ""}`),
    );
    return this.services.filter(({ resource }) => targets.includes(`${resource.namespace}/${resource.name}`));
  }

  /** `meshConfig`, wherever it is written: istiod's ConfigMap holds it as a text, which has no places of its own. */
  meshConfigs(): Field[] {
    return this.of("IstioOperator", "install.istio.io").flatMap(({ root }) => root.get("spec", "meshConfig") ?? []);
  }

  private hasSidecarPlugin(workload: Workload): boolean {
    return this.pluginsOf(workload).some((plugin) => this.placement(plugin) !== "waypoint");
  }
}

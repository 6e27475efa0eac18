import { getOrMake } from "../get-or-make.ts";
import type { Resource } from "../manifests/resource.ts";
import { DATAPLANE_MODE, INJECT, isRedirected, REVISION } from "./capture.ts";
import { clientPortOf } from "./client-port.ts";
import { unaskedOf, type Unasked } from "./cluster.ts";
import { uninjected } from "./injection.ts";
import { CLIENT_PORT } from "./nats-ports.ts";
import { withoutOwned } from "./owned-pods.ts";
import { placementOf, type Placement } from "./placement.ts";
import { Plugin } from "./plugin.ts";
import type { Pods } from "./selector.ts";
import { Service, type ServicePort } from "./service.ts";
import { attachment } from "./target-refs.ts";
import { usedWaypoint } from "./waypoint.ts";
import { Workload } from "./workload.ts";

export interface MeshOptions {
  /** The namespace of mesh-wide resources. */
  rootNamespace: string;
}

/** Everything in the files, with lookups for what the checks ask. */
export class Mesh {
  readonly rootNamespace: string;
  readonly services: Service[];
  readonly workloads: Workload[];
  /** Those that run nats-server. */
  readonly brokers: Workload[];
  /** The plugins of this filter; others are not judged. */
  readonly plugins: Plugin[];
  readonly otherPlugins: Plugin[];
  /** Virtual machines in the mesh. */
  private readonly machines: Pods[];
  private readonly placements = new Map<Plugin, Placement>();
  /** Cached, because it is asked again for each of nats-server's pods: with some hundred of them that took minutes. */
  private readonly served = new Map<Plugin, Service[]>();
  /** Cached for the same reason. */
  private readonly selected = new Map<Plugin, ReadonlySet<Workload>>();
  /** By group and kind, since checks ask for each object of another kind: of 8,009 objects that took a third of all time. */
  private readonly foundOfKind = new Map<string, readonly Resource[]>();
  private readonly foundClientPorts = new Map<Service, readonly ServicePort[]>();
  private foundUnasked: { unasked: Unasked | undefined } | undefined;
  private foundBehindWaypoints: readonly Service[] | undefined;

  constructor(
    readonly resources: readonly Resource[],
    options: MeshOptions,
  ) {
    this.rootNamespace = options.rootNamespace;
    this.services = this.of("Service", "").map((resource) => new Service(resource));
    this.workloads = withoutOwned(
      resources.flatMap((resource) => Workload.of(resource) ?? []),
      resources,
    );
    this.brokers = this.workloads.filter((workload) => workload.isBroker);
    const machines = (kind: string, ...path: string[]): Pods[] =>
      this.of(kind, "networking.istio.io").map(({ namespace, root }) => ({ namespace, labels: root.texts(...path) }));
    this.machines = [
      ...machines("WorkloadEntry", "spec", "labels"),
      ...machines("WorkloadEntry", "metadata", "labels"),
      ...machines("WorkloadGroup", "spec", "metadata", "labels"),
    ];
    const plugins = Plugin.allIn(resources);
    this.plugins = plugins.filter(({ isOurs }) => isOurs);
    this.otherPlugins = plugins.filter(({ isOurs }) => !isOurs);
  }

  of(kind: string, group: string): readonly Resource[] {
    const find = (): Resource[] => this.resources.filter((one) => one.kind === kind && one.group === group);
    return getOrMake(this.foundOfKind, `${group}/${kind}`, find);
  }

  /** The Namespace itself, where it is among the files. */
  namespace(name: string): Resource | undefined {
    return this.of("Namespace", "").find((resource) => resource.name === name);
  }

  /** What the cluster was not asked for from which nats-server's objects come. */
  get unasked(): Unasked | undefined {
    return (this.foundUnasked ??= { unasked: unaskedOf(this) }).unasked;
  }

  placement(plugin: Plugin): Placement {
    return getOrMake(this.placements, plugin, () => placementOf(plugin, this));
  }

  servicesOf(workload: Workload): Service[] {
    return this.services.filter((service) => service.selectsWorkload(workload));
  }

  /** The container port behind a Service's port. A named port is known only if the pods are among the files. */
  targetOf(service: Service, port: ServicePort): number | undefined {
    if (port.targetNumber !== undefined) return port.targetNumber;
    const [number] = this.workloads
      .filter((workload) => service.selectsWorkload(workload))
      .flatMap((workload) => workload.resolvePort(port) ?? []);
    return number;
  }

  /** The ports of a Service that lead to nats-server's client port: the usual one, and what the pods behind it have instead. */
  clientPorts(service: Service): readonly ServicePort[] {
    return getOrMake(this.foundClientPorts, service, () => {
      const brokers = this.brokers.filter((broker) => service.selectsWorkload(broker));
      const targets = new Set([CLIENT_PORT, ...brokers.map((broker) => clientPortOf(broker, this))]);
      return service.ports.filter(
        (port) => port.number === CLIENT_PORT || targets.has(this.targetOf(service, port) ?? 0),
      );
    });
  }

  /** A Service of nats-server: it has its client port, or its pods are among the files. */
  isBrokerService(service: Service): boolean {
    return this.clientPorts(service).length > 0 || this.brokers.some((broker) => service.selectsWorkload(broker));
  }

  get brokerServices(): Service[] {
    return this.services.filter((service) => this.isBrokerService(service));
  }

  /**
   * Whether a Service has nats-server's client port and leads to none of the pods among the files, and to none of the virtual machines
   * there, to which Istio lets it lead, too.
   */
  isEmpty(service: Service): boolean {
    return (
      this.clientPorts(service).length > 0 &&
      !this.workloads.some((workload) => service.selectsWorkload(workload)) &&
      !this.machines.some(({ namespace, labels }) => service.servesAll(namespace, labels))
    );
  }

  /**
   * Whether a Service is empty although pods of nats-server are among the files in its namespace: its selector must be wrong, unless
   * its own pods are not among the files, or missing, unless something else says where it leads.
   */
  isAstray(service: Service): boolean {
    return (
      (service.selector.size > 0 || !this.isLedByOthers(service)) &&
      this.brokers.some(({ namespace }) => namespace === service.namespace) &&
      this.isEmpty(service)
    );
  }

  /** Whether something besides a selector says where a Service leads. */
  private isLedByOthers(service: Service): boolean {
    const { name, namespace, root, isOfCluster } = service.resource;
    return (
      root.text("spec", "type") === "ExternalName" ||
      // What has made a Service may make its EndpointSlices, too.
      root.items("metadata", "ownerReferences").length > 0 ||
      this.isRouted(service) ||
      // A cluster has EndpointSlices for its other Services. If none came, nobody has asked for them.
      (isOfCluster && !this.of("EndpointSlice", "discovery.k8s.io").some((one) => one.isOfCluster)) ||
      this.of("Endpoints", "").some((one) => one.namespace === namespace && one.name === name) ||
      this.of("EndpointSlice", "discovery.k8s.io").some(
        (one) =>
          one.namespace === namespace && one.root.text("metadata", "labels", "kubernetes.io/service-name") === name,
      )
    );
  }

  /** Whether a route leads what is for a Service somewhere else, be it for some ports alone. */
  private isRouted(service: Service): boolean {
    const { name, namespace } = service.resource;
    return (
      this.of("VirtualService", "networking.istio.io").some(({ root, namespace: from }) =>
        root.items("spec", "hosts").some((host) => service.isNamed(host.text() ?? "", from)),
      ) ||
      this.of("TCPRoute", "gateway.networking.k8s.io").some(({ root, namespace: from }) =>
        root
          .items("spec", "parentRefs")
          .some(
            (parent) =>
              parent.text("kind") === "Service" &&
              parent.text("name") === name &&
              (parent.text("namespace") ?? from) === namespace,
          ),
      )
    );
  }

  /** The Service with nats-server's client port of which this is a name. */
  clientServiceNamed(host: string, fromNamespace: string): Service | undefined {
    return this.services.find(
      (service) => service.isNamed(host, fromNamespace) && this.clientPorts(service).length > 0,
    );
  }

  pluginsOf(workload: Workload): Plugin[] {
    return this.plugins.filter((plugin) => plugin.selectsWorkload(workload, this.rootNamespace));
  }

  /** nats-server's pods that a plugin selects. */
  brokersOf(plugin: Plugin): ReadonlySet<Workload> {
    const find = (): Workload[] => this.brokers.filter((broker) => plugin.selectsWorkload(broker, this.rootNamespace));
    return getOrMake(this.selected, plugin, () => new Set(find()));
  }

  /** Whether others are to connect to these pods: not to a leaf node beside an application, which listens for that alone. */
  isForClients(broker: Workload): boolean {
    return (
      this.pluginsOf(broker).length > 0 ||
      this.servicesOf(broker).some((service) => this.clientPorts(service).length > 0)
    );
  }

  /**
   * Whether a plugin judges who connects to these pods, or was meant to. A plugin that selects no pods at all, or names none of
   * the Services among the files, has a finding of its own.
   */
  isMeantFor(plugin: Plugin, broker: Workload): boolean {
    const placement = this.placement(plugin);
    if (placement === "waypoint") {
      const services = this.waypointServicesOf(plugin);
      return services.length === 0 || services.some((service) => service.selectsWorkload(broker));
    }
    if (placement !== "server-sidecar") return false;
    const selected = this.brokersOf(plugin);
    return selected.size === 0 || selected.has(broker);
  }

  /**
   * Whether it has no sidecar of its own, and is not meant to: a waypoint judges its traffic, and checks on sidecars do not apply.
   * Whether ztunnel has its traffic, too, `unredirected` says.
   */
  isAmbient(workload: Workload): boolean {
    if (isRedirected(workload)) return true;
    const namespace = this.namespace(workload.namespace);
    // ztunnel leaves pods with a sidecar alone, and Istio injects one whatever the Namespace's data plane is.
    const inject = workload.labels.get(INJECT) ?? namespace?.labels.get("istio-injection");
    if (inject === "true" || inject === "enabled") return false;
    const mode = workload.labels.get(DATAPLANE_MODE) ?? namespace?.labels.get(DATAPLANE_MODE);
    if (mode === "ambient") return true;
    if ([namespace?.labels, workload.labels].some((labels) => labels?.has(REVISION))) return false;
    // A label that keeps ztunnel away is usual for pods with a sidecar, which a Namespace that is not among the files may ask for.
    if (mode !== undefined && !uninjected(workload, this)) return false;
    return (
      this.behindWaypoints.some((service) => service.selectsWorkload(workload)) && !this.hasSidecarPlugin(workload)
    );
  }

  /**
   * Services whose waypoint runs the plugin: those that it names, those that use a Gateway that it names, and those of nats-server
   * for a plugin of every waypoint.
   */
  waypointServicesOf(plugin: Plugin): Service[] {
    return getOrMake(this.served, plugin, () => this.services.filter(attachment(plugin.resource, this)));
  }

  /**
   * Services for whose waypoint a plugin is, and those that use a waypoint beside a plugin for one: what the plugin names may be
   * wrong.
   */
  private get behindWaypoints(): readonly Service[] {
    return (this.foundBehindWaypoints ??= this.findBehindWaypoints());
  }

  private findBehindWaypoints(): Service[] {
    // A plugin that names something which is not among the files may be for a waypoint.
    const others = this.plugins.filter((plugin) => {
      const placement = this.placement(plugin);
      return plugin.targetRefs.length > 0 && (placement === "waypoint" || placement === "unknown");
    });
    const namespaces = new Set(others.map(({ resource }) => resource.namespace));
    const beside = this.services.filter((service) => {
      const use = usedWaypoint(service, this);
      return use && (namespaces.has(service.namespace) || namespaces.has(use.namespace));
    });
    return [...this.waypointServices(), ...beside];
  }

  /** Services to which a plugin of a waypoint is attached. */
  waypointServices(): Service[] {
    return [...new Set(this.plugins.flatMap((plugin) => this.waypointServicesOf(plugin)))];
  }

  private hasSidecarPlugin(workload: Workload): boolean {
    return this.pluginsOf(workload).some((plugin) => this.placement(plugin) !== "waypoint");
  }
}

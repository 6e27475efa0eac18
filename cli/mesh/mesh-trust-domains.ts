import type { Field } from "../manifests/field.ts";
import type { Place } from "../manifests/place.ts";
import type { Mesh } from "./mesh.ts";
import { heldMeshConfigs, operatorMeshConfigs } from "./mesh-config.ts";

/** A trust domain that Istio's own configuration gives to the mesh. */
export interface MeshTrustDomain {
  name: string;
  /** Whether it is in `trustDomainAliases`. */
  isAlias: boolean;
  place: Place;
}

/** Those of IstioOperators and of istiod's ConfigMaps in the root namespace. */
export function meshTrustDomains(mesh: Mesh): MeshTrustDomain[] {
  const held = heldMeshConfigs(mesh).filter(({ configMap }) => configMap.namespace === mesh.rootNamespace);
  return [
    ...operatorMeshConfigs(mesh).flatMap(trustDomainsIn),
    ...held.flatMap(({ text, settings }) => trustDomainsIn(settings).map((one) => ({ ...one, place: text.place }))),
  ];
}

function trustDomainsIn(config: Field): MeshTrustDomain[] {
  const own = config.get("trustDomain");
  const named = (field: Field, isAlias: boolean): MeshTrustDomain[] => {
    const name = field.text();
    return name === undefined || name === "" ? [] : [{ name, isAlias, place: field.place }];
  };
  return [
    ...(own ? named(own, false) : []),
    ...config.items("trustDomainAliases").flatMap((alias) => named(alias, true)),
  ];
}

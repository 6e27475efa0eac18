import type { Field } from "../manifests/field.ts";
import type { Place } from "../manifests/place.ts";
import { readManifests } from "../manifests/read.ts";
import type { Mesh } from "./mesh.ts";

/** A trust domain that Istio's own configuration gives to the mesh. */
export interface MeshTrustDomain {
  name: string;
  /** Whether it is in `trustDomainAliases`. */
  isAlias: boolean;
  place: Place;
}

/** Those of IstioOperators and of istiod's ConfigMaps in the root namespace. */
export function meshTrustDomains(mesh: Mesh): MeshTrustDomain[] {
  const held = mesh
    .istiodConfigMaps()
    .filter(({ namespace }) => namespace === mesh.rootNamespace)
    .flatMap(({ root }) => root.get("data", "mesh") ?? []);
  return [
    ...mesh.meshConfigs().flatMap((config) => trustDomainsIn(config)),
    ...held.flatMap((text) => {
      const { place } = text;
      return meshConfigIn(text)
        .flatMap(trustDomainsIn)
        .map((one) => ({ ...one, place }));
    }),
  ];
}

function meshConfigIn(field: Field): Field[] {
  const text = field.text() ?? "";
  return readManifests({ file: field.place.file, text, named: false, tooLarge: false, helmTemplate: false }, "").others;
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

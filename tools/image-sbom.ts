import { Enums, Models, Serialize, Spec } from "@cyclonedx/cyclonedx-library";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { inRoot } from "./paths.ts";

/**
 * The packages whose code is compiled into the module. The compiler's own dependencies do not belong here: they work on the module
 * and do not get into it. test/deploy/sbom.test.ts compares this list with the sources that the compiler names.
 */
export const INGREDIENTS = ["assemblyscript", "@solo-io/proxy-runtime"] as const;

interface LockedPackage {
  version: string;
  /** Exactly as the package writes it, blanks included. */
  license: string;
  /** `sha512-` and base64, for the package's archive. */
  integrity: string;
}

interface Lock {
  version: string;
  packages: Record<string, LockedPackage>;
}

function component(name: string, locked: LockedPackage): Models.Component {
  const [algorithm = "", digest = ""] = locked.integrity.split("-");
  if (algorithm !== "sha512") throw new Error(`package-lock.json has ${algorithm} for ${name}, not sha512`);
  const slash = name.indexOf("/");
  const [scope, plain] = [name.slice(0, Math.max(slash, 0)), name.slice(slash + 1)];
  const purl = `pkg:npm/${scope && `${encodeURIComponent(scope)}/`}${plain}@${locked.version}`;
  return new Models.Component(Enums.ComponentType.Library, plain, {
    ...(scope ? { group: scope } : {}),
    version: locked.version,
    bomRef: purl,
    purl,
    scope: Enums.ComponentScope.Required,
    licenses: new Models.LicenseRepository([new Models.SpdxLicense(locked.license.trim())]),
    hashes: new Models.HashDictionary([
      [Enums.HashAlgorithm["SHA-512"], Buffer.from(digest, "base64").toString("hex")],
    ]),
  });
}

/** A UUID of version 8 (RFC 9562 §5.8, custom contents) derived from a SHA-256. The same module gets the same UUID. */
function uuidOf(sha256: string): string {
  const digits = `${sha256.slice(0, 12)}8${sha256.slice(13, 16)}8${sha256.slice(17, 32)}`;
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/**
 * What the module is made of, as CycloneDX 1.6 in JSON. The same module gives the same text, so it contains no time. `digest` is
 * the image's, as `sha256:…`.
 */
export function sbomOf(wasm: Uint8Array, digest: string): string {
  const lock = JSON.parse(readFileSync(inRoot("package-lock.json"), "utf8")) as Lock;
  const sha256 = createHash("sha256").update(wasm).digest("hex");
  const purl = `pkg:oci/istio-nats@${encodeURIComponent(digest)}`;
  const filter = new Models.Component(Enums.ComponentType.Application, "istio-nats", {
    version: lock.version,
    bomRef: purl,
    purl,
    licenses: new Models.LicenseRepository([new Models.SpdxLicense("Apache-2.0")]),
    hashes: new Models.HashDictionary([[Enums.HashAlgorithm["SHA-256"], sha256]]),
  });
  const bom = new Models.Bom({
    serialNumber: `urn:uuid:${uuidOf(sha256)}`,
    metadata: new Models.Metadata({ component: filter }),
  });
  for (const name of INGREDIENTS) {
    const locked = lock.packages[`node_modules/${name}`];
    if (!locked) throw new Error(`package-lock.json has no ${name}`);
    const ingredient = component(name, locked);
    bom.components.add(ingredient);
    filter.dependencies.add(ingredient.bomRef);
  }
  const serializer = new Serialize.JsonSerializer(new Serialize.JSON.Normalize.Factory(Spec.Spec1dot6));
  return `${serializer.serialize(bom, { sortLists: true, space: 2 })}\n`;
}

import type { Field } from "../../manifests/field.ts";
import { isFilledIn, unfilledRemedy } from "../../manifests/unfilled.ts";
import { family } from "../family.ts";

const DIGEST = /@sha256:([^@]*)$/;

/** A digest without its algorithm, or of another one. */
const NO_SHA256 = /@(?!sha256:)([^@]*)$/;
const HEX = /^[a-f0-9]{64}$/;

/** `oci://REGISTRY/istio-nats:VERSION`, `oci://registry.example/istio-nats@sha256:000…`. */
const PLACEHOLDER = /[/:@][A-Z]{4,}(?:$|[/:@])|^[A-Z]{4,}\/|^(?:\w+:\/\/)?[^/]*\.example(?:[:/])|sha256:0{64}$/;

/** Whether it is still to be filled in by what an image is named: all of a url, or what follows its last slash. */
function isNameUnknown(url: string): boolean {
  return isFilledIn(url.slice(url.lastIndexOf("/") + 1));
}

/** As listed in the CRD. */
const SCHEMES = ["oci", "http", "https", "file"];

/** What Go's net/url takes for the scheme (`getScheme`): of `registry.test:5000/a` it is the host. */
const SCHEME = /^([a-z][a-z0-9+.-]*):/i;

/** A port where Go's net/url sees neither a scheme nor a host, and refuses the url: `10.0.0.1:5000/a`, `my_registry:5000/a`. */
const PORT_OF_NO_HOST = /^[^/]*:/;

/** Go's net/url refuses these in a host (`shouldEscape`), and a port that is no number (`validOptionalPort`). */
const NO_HOST = /[\s{}|\\^`%]|:(?!\d*$)/;

/** Anywhere, it refuses control characters and `%` that begins no byte. */
const NOWHERE = /\p{Cc}|%(?![0-9a-f]{2})/iu;

/** What is wrong with a url that Go's net/url does not read, and what comes of it. */
function unreadable(url: string): string | undefined {
  // Kubernetes reads it with http:// before it, too (the rule of Istio's CRDs), and Istio does not.
  const leftOut = ", so Istio cannot read it and leaves the plugin out";
  if (NOWHERE.test(url)) return "the url has characters that no url has, so Kubernetes refuses the plugin";
  if (!SCHEME.test(url) && PORT_OF_NO_HOST.test(url)) return `the url has a port and no scheme${leftOut}`;
  const [, host] = /^\w+:\/\/([^/?#@]*)(?:[/?#]|$)/.exec(url) ?? [];
  if (host !== undefined && !host.startsWith("[") && NO_HOST.test(host))
    return `the url has "${host}" for a host${leftOut}`;
  return undefined;
}

/** The remedy for a url that can be read without the blanks around it, or with the scheme that it lacks. */
function mendedRemedy(url: string): string | undefined {
  const bare = url.trim();
  const mended = [bare, ...(bare.includes("://") ? [] : [`oci://${bare}`])].find(
    (text) => unreadable(text) === undefined,
  );
  return mended === undefined ? undefined : `write url: ${mended}`;
}

/** `oci://host:5000/a/b:tag` has a tag; the colon before a port does not begin one. */
function tagOf(reference: string): string | undefined {
  return /:([^:/]+)$/.exec(reference)?.[1];
}

/** Istio treats an empty sha256 as absent. */
function sumOf(wasm: Field): string | undefined {
  const sum = wasm.text("sha256");
  return sum === "" ? undefined : sum;
}

/** For `sha256`, which Istio takes without the algorithm. Registries, and crane, write it in front. */
function sumRemedy(sum: string, isImage: boolean): string {
  const hex = sum
    .trim()
    .toLowerCase()
    .replace(/^sha256:/, "");
  if (HEX.test(hex)) return `write ${hex}`;
  return isImage
    ? "write what crane digest IMAGE prints, without sha256: before it"
    : "write the SHA-256 of the module, as sha256sum prints it";
}

export const image = family(
  "The image",
  {
    "digest-not-manifest": {
      severity: "error",
      what:
        "For an image (`oci://`, or no scheme) the digest must be that of the image's manifest. This one cannot be: it is the " +
        "checksum of the module itself, it is not a SHA-256, or url and sha256 differ. Istio refuses the image and puts a " +
        "stand-in filter in its place that denies everything.",
      remedy: "write the digest that the registry shows for the image: crane digest IMAGE",
    },
    "image-missing": {
      severity: "error",
      what: "The plugin names no module. `url` is required, and Kubernetes refuses the plugin without it.",
      remedy: "write url: oci://REGISTRY/NAME@sha256:DIGEST",
    },
    "image-by-tag": {
      severity: "warning",
      what:
        "The image is named by a tag only. Whoever can push the tag can change the code that judges every message, and sidecars " +
        "may run different modules.",
      remedy: "write …@sha256:DIGEST, or the digest of the manifest as sha256",
    },
    "image-scheme-unknown": {
      severity: "error",
      what:
        "Istio fetches modules only by oci (the default without a scheme), http, https and file. Kubernetes refuses a plugin with " +
        "another. What stands before a colon is taken for the scheme: without oci:// there may be no port, nor a tag of an image " +
        "without a registry.",
      remedy: "write url: oci://REGISTRY/NAME@sha256:DIGEST",
    },
    "image-url-malformed": {
      severity: "error",
      what:
        "The url cannot be read as one. Kubernetes takes most such plugins, and Istio leaves them out with no word but in istiod's " +
        "log: the filter is just not there, and everybody may do everything. An address with a port but without oci:// before it " +
        "is such a url.",
      remedy: "write url: oci://REGISTRY/NAME@sha256:DIGEST",
    },
    "module-unpinned": {
      severity: "warning",
      what:
        "A module fetched by `https://` or `file://` has no `sha256`. Whoever can change the file can change the code that " +
        "judges every message, and proxies may run different modules.",
      remedy: "write the SHA-256 of the module as sha256, or use the image by its digest",
    },
    "module-by-plain-http": {
      severity: "error",
      what: "A module fetched by `http://` has no `sha256`. Anybody on the way to the proxy can replace it.",
      remedy: "write the SHA-256 of the module as sha256, or use the image by its digest",
    },
    "image-placeholder": {
      severity: "warning",
      what: "The url is still that of an example: it has a word in capitals, a registry under `.example`, or a digest of zeros.",
      remedy: "write your registry, and the digest of the image that you have pushed there",
    },
  },
  ({ mesh, filter }, report) => {
    for (const { resource, wasm } of mesh.plugins) {
      const url = wasm?.text("url");
      if (!wasm || url === undefined || url === "") {
        report("image-missing", resource.root.placeOf("spec", "wasm", "url"), `${resource.title} has no url`);
        continue;
      }
      const [urlPlace, sumPlace] = [wasm.placeOf("url"), wasm.placeOf("sha256")];
      const before = SCHEME.exec(url)?.[1]?.toLowerCase();
      const fault = isFilledIn(url) ? undefined : unreadable(url);
      const isHostBefore = before !== undefined && !SCHEMES.includes(before) && !url.includes("://");
      const scheme = isHostBefore ? "oci" : (before ?? "oci");
      const isImage = scheme === "oci";
      const [inUrl, sum] = [DIGEST.exec(url.trim())?.[1], sumOf(wasm)];
      if (fault !== undefined) report("image-url-malformed", urlPlace, fault, unfilledRemedy(url) ?? mendedRemedy(url));
      else if (isHostBefore) {
        const message = `Kubernetes takes ${before} for the scheme of ${url}, and refuses the plugin`;
        report("image-scheme-unknown", urlPlace, message, `write url: oci://${url}`);
      } else if (!SCHEMES.includes(scheme))
        report("image-scheme-unknown", urlPlace, `Istio does not support the scheme ${scheme}://`);
      else if (!isImage && sum === undefined) {
        const id = scheme === "http" ? "module-by-plain-http" : "module-unpinned";
        report(id, urlPlace, `${resource.title} runs whatever is at ${url}`);
      }
      if (PLACEHOLDER.test(url)) report("image-placeholder", urlPlace, `${url} is an example`);
      const other = isImage ? NO_SHA256.exec(url)?.[1] : undefined;
      if (other !== undefined && !isFilledIn(other)) {
        const message = `the digest "${other}" does not begin with sha256:, so Istio cannot read the url`;
        report("digest-not-manifest", urlPlace, message, "write …@sha256:DIGEST");
      }
      for (const [digest, place] of [[inUrl, urlPlace] as const, [sum, sumPlace] as const]) {
        if (digest === undefined || isFilledIn(digest)) continue;
        if (!HEX.test(digest)) {
          const message = `"${digest}" is not a SHA-256, which has 64 characters of 0-9 and a-f`;
          report("digest-not-manifest", place, message, place === sumPlace ? sumRemedy(digest, isImage) : undefined);
        } else if (isImage && digest === filter.sha256 && !url.startsWith("${")) {
          report("digest-not-manifest", place, "this is the SHA-256 of the module itself, not of the image's manifest");
        }
      }
      const isDigest = sum !== undefined && HEX.test(sum);
      if (isDigest && inUrl !== undefined && !isFilledIn(inUrl) && inUrl !== sum)
        report("digest-not-manifest", sumPlace, "sha256 and the digest in url differ");
      if (isImage && inUrl === undefined && other === undefined && sum === undefined && !isNameUnknown(url)) {
        const tag = tagOf(url) ?? "latest";
        report("image-by-tag", urlPlace, `${resource.title} runs whatever the tag ${tag} points to`);
      }
    }
  },
);

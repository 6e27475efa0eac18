import { relative } from "node:path";
import { parseArgs } from "node:util";
import { must } from "./command.ts";
import { deployTools } from "./deploy-tools.ts";
import { Fault } from "./fault.ts";
import { lockImage, makeFilterImage, SBOM_FILE, type Image } from "./image-build.ts";
import { writeManifests } from "./image-manifests.ts";
import { inRoot } from "./paths.ts";
import { buildFilter } from "./wasm.ts";

const USAGE = "npm run image -- [--push REGISTRY/NAME:TAG] [--manifests [--name REGISTRY/NAME]]";

interface ImageOptions {
  push: string | undefined;
  /** The image's name in the manifests to write, or undefined to write none. */
  manifestsFor: string | undefined;
}

/** `registry:5000/a/b` from `registry:5000/a/b:tag`. A colon before the last slash belongs to a port. */
export function repositoryOf(reference: string): string {
  return reference.replace(/@.*$/, "").replace(/:[^/:]*$/, "");
}

/** Without a registry, an image is looked for at Docker's, in the name of somebody else. */
function hasRegistry(reference: string): boolean {
  return /^[^/\s]+\/\S+$/.test(reference);
}

function optionsOf(args: readonly string[]): ImageOptions {
  let values;
  try {
    ({ values } = parseArgs({
      args: [...args],
      options: { push: { type: "string" }, name: { type: "string" }, manifests: { type: "boolean" } },
    }));
  } catch (error) {
    throw new Fault(`${(error as Error).message}\n\n${USAGE}`);
  }
  const { push, manifests } = values;
  for (const [option, reference, form] of [
    ["--push", push, "REGISTRY/NAME:TAG"],
    ["--name", values.name, "REGISTRY/NAME"],
  ] as const) {
    if (reference === undefined) continue;
    if (!hasRegistry(reference)) throw new Fault(`${option} ${reference} names no registry: write ${form}`);
    if (/[A-Z]/.test(repositoryOf(reference)))
      throw new Fault(`${option} ${reference}: the name of an image has no capitals: write your own, for ${form}`);
  }
  const reference = values.name ?? push;
  const name = reference === undefined ? undefined : repositoryOf(reference);
  if (manifests && name === undefined) {
    throw new Fault("--manifests must know the image's name: add --push REGISTRY/NAME:TAG or --name REGISTRY/NAME");
  }
  return { push, manifestsFor: manifests ? name : undefined };
}

/** Pushes an OCI layout with the credentials of `docker login` or `crane auth login`. */
export async function pushImage({ folder, digest }: Image, reference: string): Promise<void> {
  const { crane } = await deployTools();
  const remedy = `The image could not be pushed to ${reference}. If the registry refuses you, log in: docker login, or crane auth login`;
  const output = await must(remedy, crane, ["push", folder, reference]);
  if (!output.includes(digest)) throw new Fault(`${reference} took another image than ${digest}:\n${output}`);
}

/** `npm run image`: makes the image. With options, it also pushes the image and writes the manifests that name it. */
export async function image(args: readonly string[]): Promise<number> {
  if (args.includes("--help")) {
    process.stdout.write(`${USAGE}\n`);
    return 0;
  }
  const options = optionsOf(args);
  const giveBack = lockImage();
  try {
    await makeAndPush(options);
  } finally {
    giveBack();
  }
  return 0;
}

async function makeAndPush({ push, manifestsFor }: ImageOptions): Promise<void> {
  const made = await makeFilterImage(await buildFilter());
  const say = (what: string, value: string): void => void process.stdout.write(`${what.padEnd(10)}${value}\n`);
  const here = (path: string): string => relative(inRoot(), path);
  say("image", here(made.folder));
  say("sbom", here(SBOM_FILE));
  say("digest", made.digest);
  if (push !== undefined) {
    await pushImage(made, push);
    say("pushed", `${repositoryOf(push)}@${made.digest}`);
  }
  if (manifestsFor !== undefined) say("manifests", here(await writeManifests(manifestsFor, made.digest)));
}

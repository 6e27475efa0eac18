import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { join, relative } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { must } from "./command.ts";
import { ociImageCommand } from "./deploy-tools.ts";
import { filesUnder } from "./files-under.ts";
import { sbomOf } from "./image-sbom.ts";
import { takeLock } from "./lock.mjs";
import { inRoot } from "./paths.ts";

/** The folder where `npm run image` leaves the OCI layout. */
const IMAGE_FOLDER = inRoot("build", "image");
/** The image's bill of materials. It lies beside the layout, because a layout may hold nothing but blobs. */
export const SBOM_FILE = inRoot("build", "istio-nats.cdx.json");

export interface Image {
  /** An OCI layout with one image. */
  folder: string;
  /** The digest of the manifest, as `sha256:…`, which is what a WasmPlugin's url and sha256 mean. */
  digest: string;
}

function version(): string {
  return (JSON.parse(readFileSync(inRoot("package.json"), "utf8")) as { version: string }).version;
}

/** The files of a folder with what they hold; none of one that is not there. */
function filesOf(folder: string): [name: string, contents: string][] {
  const files = existsSync(folder) ? filesUnder(folder) : [];
  return files.map((file) => [relative(folder, file), readFileSync(file, "base64")]);
}

/**
 * Makes an image of `wasm` at `folder` and replaces what was there. The new image appears complete or not at all. If it is the same
 * as before nothing is replaced, for somebody may be reading it.
 */
export async function makeImage(wasm: string, folder: string): Promise<Image> {
  const command = await ociImageCommand();
  mkdirSync(join(folder, ".."), { recursive: true });
  const unfinished = await mkdtemp(`${folder}-`);
  try {
    const layout = join(unfinished, "layout");
    const args = ["-wasm", wasm, "-out", layout, "-version", version()];
    const output = await must("The image could not be made.", command, args);
    if (!isDeepStrictEqual(filesOf(layout), filesOf(folder))) {
      rmSync(folder, { recursive: true, force: true });
      renameSync(layout, folder);
    }
    return { folder, digest: output.trim() };
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
}

/**
 * Holds off every other process that makes the image in this clone, and so would replace what is being read. Returns what ends that.
 */
export function lockImage(): () => void {
  return takeLock("image", "makes the image");
}

/** Makes the image of the built filter and its bill of materials, at their places in build/. The caller has the lock. */
export async function makeFilterImage(wasm: string): Promise<Image> {
  const image = await makeImage(wasm, IMAGE_FOLDER);
  writeFileSync(SBOM_FILE, sbomOf(readFileSync(wasm), image.digest));
  return image;
}

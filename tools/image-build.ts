import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { must } from "./command.ts";
import { ociImageCommand } from "./deploy-tools.ts";
import { sbomOf } from "./image-sbom.ts";
import { inRoot } from "./paths.ts";

/** Where `npm run image` leaves the OCI layout. */
const IMAGE_FOLDER = inRoot("build", "image");
/** Its bill of materials, beside it, since nothing but blobs belongs into a layout. */
export const SBOM_FILE = inRoot("build", "istio-nats.cdx.json");

export interface Image {
  /** An OCI layout with one image. */
  folder: string;
  /** The manifest's, as `sha256:…`: what a WasmPlugin's url and sha256 mean by digest. */
  digest: string;
}

function version(): string {
  return (JSON.parse(readFileSync(inRoot("package.json"), "utf8")) as { version: string }).version;
}

/** Makes an image of `wasm` at `folder`, in place of what was there. It appears whole or not at all. */
export async function makeImage(wasm: string, folder: string): Promise<Image> {
  const command = await ociImageCommand();
  mkdirSync(join(folder, ".."), { recursive: true });
  const unfinished = await mkdtemp(`${folder}-`);
  try {
    const layout = join(unfinished, "layout");
    const args = ["-wasm", wasm, "-out", layout, "-version", version()];
    const output = await must("The image could not be made.", command, args);
    rmSync(folder, { recursive: true, force: true });
    renameSync(layout, folder);
    return { folder, digest: output.trim() };
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
}

/** The image of the built filter with its bill of materials, at their places in build/. */
export async function makeFilterImage(wasm: string): Promise<Image> {
  const image = await makeImage(wasm, IMAGE_FOLDER);
  writeFileSync(SBOM_FILE, sbomOf(readFileSync(wasm), image.digest));
  return image;
}

import { renameSync, writeFileSync } from "node:fs";

/** Has Envoy discover a resource from a file, which it watches. */
export function sourceOf(file: string): object {
  return { path_config_source: { path: file }, resource_api_version: "V3" };
}

/** Pushes a version of the only resource in such a file. Envoy loads it once it has noticed that the file was moved. */
export function pushResource(file: string, version: number, resource: object): void {
  const unfinished = `${file}.next`;
  writeFileSync(unfinished, JSON.stringify({ version_info: String(version), resources: [resource] }));
  renameSync(unfinished, file);
}

import { chmodSync, cpSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { must } from "../../tools/command.ts";
import { Fault } from "../../tools/fault.ts";
import { inRoot } from "../../tools/paths.ts";
import type { NatsPermissions } from "../conformance/nats-permissions.ts";
import type { Client } from "./front.ts";
import type { ForeignSuite, Patch } from "./suites.ts";

/** What nats-server's own reader finds in a configuration: test/foreign/users. */
interface ServerConfig {
  host: string;
  port: number;
  users: { name: string; password: string; permissions: ServerPermissions | null }[];
}

/** nats-server's Permissions in the form of its JSON, with `ttl` in nanoseconds. */
interface ServerPermissions extends Pick<NatsPermissions, "publish" | "subscribe"> {
  responses?: { max: number; ttl: number };
}

/** A patched copy of a foreign suite's module. Nothing of it is kept. */
export class SuiteCopy {
  private constructor(
    readonly folder: string,
    private readonly suite: ForeignSuite,
  ) {}

  /** Copies the module, in the version that tools/go/go.mod pins, into `folder`, and puts the hook into its dial. */
  static async make(suite: ForeignSuite, folder: string): Promise<SuiteCopy> {
    const remedy = `${suite.module} could not be downloaded. Is a Go module proxy reachable?`;
    const go = inRoot("tools", "go");
    const version = await must(remedy, "go", ["list", "-m", "-f", "{{.Version}}", suite.module], { cwd: go });
    const pinned = `${suite.module}@${version.trim()}`;
    const downloaded = await must(remedy, "go", ["mod", "download", "-json", pinned], { cwd: go });
    cpSync((JSON.parse(downloaded) as { Dir: string }).Dir, folder, { recursive: true });
    makeWritable(folder);

    const copy = new SuiteCopy(folder, suite);
    const hook = readFileSync(new URL("./hook/hook.go", import.meta.url), "utf8");
    writeFileSync(join(folder, suite.hook.file), hook.replace(/^package hook$/m, `package ${suite.hook.package}`));
    for (const patch of [...suite.patches, ...suite.adjustments]) copy.apply(patch);
    return copy;
  }

  apply({ file, find, replace }: Patch): void {
    this.replace(file, find, replace);
  }

  /** Restores the suite's own text. */
  revert({ file, find, replace }: Patch): void {
    this.replace(file, replace, find);
  }

  /** The tests in the suite's files, in order. */
  tests(): string[] {
    return this.suite.files.flatMap((file) => {
      const text = readFileSync(join(this.folder, this.suite.package, file), "utf8");
      return [...text.matchAll(/^func (Test[A-Z]\w*)\(t \*testing\.T\)/gm)].map(([, name = ""]) => name);
    });
  }

  /** The suite's users as clients of the filter. From here on, the suite's server knows them without permissions. */
  async takeUsers(): Promise<Client[]> {
    const { users } = this.suite;
    if (users === undefined) return [];
    const program = "istio-nats-users";
    mkdirSync(join(this.folder, program));
    cpSync(new URL("./users/main.go", import.meta.url), join(this.folder, program, "main.go"));
    const remedy = `${users} of ${this.suite.module} could not be read.`;
    const text = await must(remedy, "go", ["run", `./${program}`, users], { cwd: this.folder });
    const config = JSON.parse(text) as ServerConfig;
    const open = config.users.map(({ name, password }) => JSON.stringify({ user: name, password }));
    const listen = `listen: ${config.host}:${config.port}`;
    writeFileSync(join(this.folder, users), `${listen}\nauthorization { users: [${open.join(", ")}] }\n`);
    return config.users.map(({ name, permissions }, index) => ({
      name,
      address: `10.0.1.${index + 1}`,
      permissions: permissionsOf(permissions),
    }));
  }

  private replace(file: string, find: string, replace: string): void {
    const path = join(this.folder, file);
    const text = readFileSync(path, "utf8");
    const parts = text.split(find);
    if (parts.length !== 2) {
      throw new Fault(`${file} of ${this.suite.module} has this ${parts.length - 1} times, not once:\n${find}`);
    }
    writeFileSync(path, parts.join(replace));
  }
}

function permissionsOf(permissions: ServerPermissions | null): NatsPermissions | null {
  if (permissions === null) return null;
  const { publish, subscribe, responses } = permissions;
  if (responses === undefined) return { publish, subscribe };
  return { publish, subscribe, allow_responses: { max: responses.max, expires: `${responses.ttl / 1e6}ms` } };
}

/** Go's module cache is read-only, and so is a copy of it. */
function makeWritable(folder: string): void {
  chmodSync(folder, 0o755);
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) makeWritable(path);
    else chmodSync(path, 0o644);
  }
}

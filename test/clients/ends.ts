import { buildCargo } from "../../tools/cargo.ts";
import { buildMaven } from "../../tools/maven.ts";
import { RemoteClient } from "../e2e/clients/remote.ts";

/** The folders of the programs that run the libraries. */
export const RUST_END = "test/e2e/clients/rust";
export const JAVA_END = "test/e2e/clients/java";

let program: Promise<string> | undefined;
let classPath: Promise<string> | undefined;

/** async-nats, in a program of its own. */
export async function openAsyncNats(): Promise<RemoteClient> {
  program ??= buildCargo(RUST_END);
  return new RemoteClient(await program);
}

/** jnats, in a program of its own. */
export async function openJnats(): Promise<RemoteClient> {
  classPath ??= buildMaven(JAVA_END);
  return new RemoteClient("java", ["-cp", await classPath, "istionats.Program"]);
}

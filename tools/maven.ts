import { rmSync } from "node:fs";
import { delimiter, join } from "node:path";
import { must } from "./command.ts";
import { inRoot } from "./paths.ts";
import { step } from "./progress.ts";

const NEEDS_MAVEN = "Are a JDK of Java 17 or newer and Maven here, and Maven Central reachable?";

/**
 * Compiles the Java in a folder, with the libraries that its pom.xml pins. Returns the class path. What Maven downloads and makes is
 * kept below build/maven, as pom.xml says too, so a second build is quick. What was made before is removed first: Maven leaves
 * libraries of another version, and classes whose source is gone, on the class path.
 */
export async function buildMaven(folder: string): Promise<string> {
  rmSync(inRoot("build", "maven", "made"), { recursive: true, force: true });
  const repository = `-Dmaven.repo.local=${inRoot("build", "maven", "repository")}`;
  const args = ["--batch-mode", "--quiet", repository, "compiler:compile", "dependency:copy-dependencies"];
  await step(folder, () => must(`${folder} could not be built. ${NEEDS_MAVEN}`, "mvn", args, { cwd: inRoot(folder) }));
  return ["classes", join("lib", "*")].map((made) => inRoot("build", "maven", "made", made)).join(delimiter);
}

import assert from "node:assert/strict";
import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { must } from "../../tools/command.ts";
import { inRoot } from "../../tools/paths.ts";
import { makeScratch, removeScratch } from "../stand/scratch.ts";

/** Adds to what is there, as Maven does, and writes where Maven keeps what it downloads. */
const MVN = `#!/bin/sh
mkdir -p "$MADE/lib" "$MADE/classes" "$MADE/../repository"
touch "$MADE/lib/jnats-$VERSION.jar" "$MADE/classes/Main$VERSION.class" "$MADE/../repository/$VERSION"
`;

describe("a build with Maven", () => {
  let clone: string;
  before(() => (clone = makeScratch()));
  after(() => removeScratch(clone));

  it("leaves nothing on the class path that an earlier one has made, and keeps what that has downloaded", async () => {
    for (const name of readdirSync(inRoot("tools")).filter((file) => /\.m?ts$|\.mjs$/.test(file)))
      cpSync(inRoot("tools", name), join(clone, "tools", name));
    symlinkSync(inRoot("node_modules"), join(clone, "node_modules"));
    writeFileSync(join(clone, "package.json"), readFileSync(inRoot("package.json")));
    const mvn = join(clone, "bin", "mvn");
    mkdirSync(dirname(mvn));
    writeFileSync(mvn, MVN);
    chmodSync(mvn, 0o755);
    const made = join(clone, "build", "maven", "made");
    const build = async (version: string): Promise<string> => {
      const text = `import { buildMaven } from ${JSON.stringify(join(clone, "tools", "maven.ts"))};
        process.stdout.write(await buildMaven("bin"));`;
      const env = { PATH: `${dirname(mvn)}:${process.env["PATH"] ?? ""}`, MADE: made, VERSION: version };
      const args = ["--import", "tsx", "--input-type=module", "-e", text];
      return must("no remedy", process.execPath, args, { cwd: clone, env });
    };
    await build("1");
    assert.equal(await build("2"), [join(made, "classes"), join(made, "lib", "*")].join(":"));
    assert.deepEqual(readdirSync(join(made, "lib")), ["jnats-2.jar"]);
    assert.deepEqual(readdirSync(join(made, "classes")), ["Main2.class"]);
    assert.deepEqual(readdirSync(join(made, "..", "repository")).sort(), ["1", "2"]);
  });
});

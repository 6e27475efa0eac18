import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { copyFileSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { gunzipSync } from "node:zlib";
import { must, run } from "../../tools/command.ts";
import { deployTools } from "../../tools/deploy-tools.ts";
import { Fault } from "../../tools/fault.ts";
import { lockImage, makeImage, type Image } from "../../tools/image-build.ts";
import { FORMS, KINDS, PLACEHOLDER, writeManifests } from "../../tools/image-manifests.ts";
import { pushImage, repositoryOf } from "../../tools/image.ts";
import { inRoot } from "../../tools/paths.ts";
import { filterWasm } from "../../tools/wasm.ts";
import { istioNats } from "../cli/support.ts";
import { Child } from "../stand/child.ts";
import { makeScratch, removeScratch } from "../stand/scratch.ts";
import { waitFor } from "../stand/wait.ts";
import { snippets } from "./guide.ts";
import { manifestsIn, manifestsOf, only, type Manifest } from "./manifests.ts";

interface Descriptor {
  mediaType: string;
  digest: string;
  size: number;
}

interface ImageManifest {
  schemaVersion: number;
  mediaType: string;
  config: Descriptor;
  layers: Descriptor[];
}

function sha256(bytes: Uint8Array): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

function blob({ folder }: Image, digest: string): Buffer {
  return readFileSync(join(folder, "blobs", ...digest.split(":")));
}

function manifestOf(image: Image): ImageManifest {
  return JSON.parse(blob(image, image.digest).toString()) as ImageManifest;
}

/** Every file of a layout with its hash. */
function contents({ folder }: Image): Record<string, string> {
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) =>
    statSync(join(folder, file)).isFile(),
  );
  return Object.fromEntries(files.sort().map((file) => [file, sha256(readFileSync(join(folder, file)))]));
}

describe("the image", () => {
  let folder: string;
  let image: Image;

  before(async () => {
    folder = makeScratch();
    image = await makeImage(filterWasm, join(folder, "image"));
  });

  after(() => removeScratch(folder));

  it("is an OCI image whose last layer is a tar of plugin.wasm, which Istio's agent looks for", async () => {
    const manifest = manifestOf(image);
    assert.equal(manifest.mediaType, "application/vnd.oci.image.manifest.v1+json");
    assert.equal(manifest.config.mediaType, "application/vnd.oci.image.config.v1+json");
    assert.deepEqual(
      manifest.layers.map(({ mediaType }) => mediaType),
      ["application/vnd.oci.image.layer.v1.tar+gzip"],
    );
    const layer = join(folder, "layer.tar");
    const tar = gunzipSync(blob(image, manifest.layers[0]!.digest));
    writeFileSync(layer, tar);
    assert.equal((await must("tar is not here.", "tar", ["-tf", layer])).trim(), "plugin.wasm");
    await must("tar is not here.", "tar", ["-xf", layer, "-C", folder]);
    assert.deepEqual(readFileSync(join(folder, "plugin.wasm")), readFileSync(filterWasm));
  });

  it("is complete: every blob has the digest and the size by which it is named", () => {
    const manifest = manifestOf(image);
    assert.equal(sha256(blob(image, image.digest)), image.digest);
    for (const { digest, size } of [manifest.config, ...manifest.layers]) {
      assert.equal(sha256(blob(image, digest)), digest);
      assert.equal(blob(image, digest).length, size);
    }
    const { rootfs } = JSON.parse(blob(image, manifest.config.digest).toString()) as { rootfs: { diff_ids: string[] } };
    assert.deepEqual(rootfs.diff_ids, [sha256(gunzipSync(blob(image, manifest.layers[0]!.digest)))]);
  });

  it("is the same, byte for byte, at another time, place and time zone, from a file with another date", async () => {
    const copy = join(folder, "another-name.wasm");
    copyFileSync(filterWasm, copy);
    utimesSync(copy, 0, 0);
    const [zone, mask] = [process.env["TZ"], process.umask(0o077)];
    process.env["TZ"] = "Pacific/Kiritimati";
    try {
      const again = await makeImage(copy, join(folder, "again"));
      assert.equal(again.digest, image.digest);
      assert.deepEqual(contents(again), contents(image));
    } finally {
      process.umask(mask);
      if (zone === undefined) delete process.env["TZ"];
      else process.env["TZ"] = zone;
    }
  });

  it("differs for another module", async () => {
    const other = await makeImage(inRoot("package.json"), join(folder, "other"));
    assert.notEqual(other.digest, image.digest);
  });
});

describe("an image made again", () => {
  it("leaves the same files where they are, since somebody may be reading them, and replaces others", async () => {
    const folder = makeScratch();
    try {
      const image = await makeImage(filterWasm, join(folder, "image"));
      const before = contents(image);
      const [index, { ino }] = [join(image.folder, "index.json"), statSync(image.folder)];
      await makeImage(filterWasm, image.folder);
      assert.equal(statSync(image.folder).ino, ino);
      writeFileSync(index, "{}");
      await makeImage(filterWasm, image.folder);
      assert.deepEqual(contents(image), before);
    } finally {
      removeScratch(folder);
    }
  });
});

describe("a registry", () => {
  let folder: string;
  let image: Image;
  let registry: Child;
  let address: string;
  let crane: string;

  before(async () => {
    ({ crane } = await deployTools());
    folder = makeScratch();
    image = await makeImage(filterWasm, join(folder, "image"));
    registry = new Child("registry", join(folder, "registry.log"), crane, [
      "registry",
      "serve",
      "--address",
      "127.0.0.1:0",
    ]);
    const explain = (): string => registry.explain();
    const port = await waitFor("the registry", () => /serving on port (\d+)/.exec(registry.log())?.[1], { explain });
    address = `127.0.0.1:${port}`;
  });

  after(async () => {
    await registry.stop();
    removeScratch(folder);
  });

  it("accepts the image, and returns it by its digest", async () => {
    const reference = `${address}/team/istio-nats:0.1.0`;
    await pushImage(image, reference);
    const by = (name: string): Promise<string> => must("The registry does not have it.", crane, ["digest", name]);
    assert.equal((await by(reference)).trim(), image.digest);
    assert.equal((await by(`${repositoryOf(reference)}@${image.digest}`)).trim(), image.digest);
    const layer = manifestOf(image).layers[0]!.digest;
    const pulled = join(folder, "pulled");
    await must("The image cannot be pulled.", crane, ["pull", "--format=oci", reference, pulled]);
    assert.deepEqual(blob({ folder: pulled, digest: image.digest }, layer), blob(image, layer));
  });

  it("that is not there is an error with a remedy", async () => {
    await assert.rejects(
      () => pushImage(image, "127.0.0.1:1/istio-nats:0.1.0"),
      (error) => error instanceof Fault && error.message.includes("docker login"),
    );
  });
});

describe("a reference's repository", () => {
  it("is what comes before tag and digest; a port stays", () => {
    assert.equal(repositoryOf("registry.example/a/b:1.0"), "registry.example/a/b");
    assert.equal(repositoryOf("registry.example:5000/b"), "registry.example:5000/b");
    assert.equal(repositoryOf(`registry.example:5000/b:1@sha256:${"0".repeat(64)}`), "registry.example:5000/b");
  });
});

describe("the manifests that name an image", () => {
  /** The content of each file. */
  const written = new Map<string, Manifest[]>();
  const scratch = makeScratch();
  const folder = join(scratch, "manifests");
  const write = (): Promise<string> =>
    writeManifests("registry.example/istio-nats", PLACEHOLDER.split("@")[1]!, folder);

  after(() => removeScratch(scratch));

  before(async () => {
    await write();
    for (const file of readdirSync(folder)) {
      written.set(file.replace(".yaml", ""), manifestsIn(readFileSync(join(folder, file), "utf8")));
    }
  });

  it("contain only the filter, and in a separate file what replaces or cuts off something else", async () => {
    for (const form of FORMS) {
      for (const kind of KINDS) {
        const whole = await manifestsOf(form, kind);
        assert.deepEqual(written.get(`${form}-${kind.toLowerCase()}`), [only(whole, kind)]);
        assert.deepEqual(
          written.get(`${form}-surroundings`) ?? [],
          whole.filter((one) => one.kind !== kind),
        );
      }
    }
  });

  it("are exactly these", () => {
    const filters = FORMS.flatMap((form) => KINDS.map((kind) => `${form}-${kind.toLowerCase()}`));
    const surroundings = FORMS.filter((form) => form !== "client").map((form) => `${form}-surroundings`);
    assert.deepEqual([...written.keys()].sort(), [...filters, ...surroundings].sort());
  });

  it("are made anew for another image, and set aside if somebody has written rules into them", async () => {
    const file = join(folder, "sidecar-wasmplugin.yaml");
    const made = readFileSync(file, "utf8");
    writeFileSync(file, made.replace(/oci:\S+/, "oci://registry.example/istio-nats@sha256:1"));
    await write();
    assert.deepEqual(readdirSync(scratch), ["manifests"]);
    for (const aside of ["manifests.1", "manifests.2"]) {
      const edited = made.replace("orders.>", `${aside}.>`);
      writeFileSync(file, edited);
      await write();
      assert.equal(readFileSync(file, "utf8"), made);
      assert.equal(readFileSync(join(scratch, aside, "sidecar-wasmplugin.yaml"), "utf8"), edited);
    }
  });
});

describe("npm run image", () => {
  function task(...args: string[]): ReturnType<typeof run> {
    return run(process.execPath, ["--import", "tsx", inRoot("tools", "main.ts"), "image", ...args]);
  }

  it("says with --help how it is called, and makes nothing", async () => {
    const { status, output } = await task("--help");
    assert.equal(status, 0);
    assert.match(output, /^npm run image -- .*--push.*\n$/);
  });

  it("says what it cannot do, and what to write instead", async () => {
    for (const [args, remedy] of [
      [["--tag", "a"], /--push REGISTRY\/NAME:TAG/],
      [["--push", "istio-nats"], /--push istio-nats names no registry/],
      [["--manifests", "--name", "istio-nats"], /--name istio-nats names no registry: write REGISTRY\/NAME\n/],
      [["--push", "REGISTRY/istio-nats:VERSION"], /REGISTRY\/istio-nats:VERSION: the name of an image has no capitals/],
      [
        ["--manifests", "--name", "registry.test/Team/istio-nats"],
        /--name registry\.test\/Team\/istio-nats: .* no capitals: .* REGISTRY\/NAME\n/,
      ],
      [["--manifests"], /add --push REGISTRY\/NAME:TAG or --name/],
    ] as const) {
      const { status, output } = await task(...args);
      assert.equal(status, 1);
      assert.match(output, remedy);
    }
  });

  it("leaves the image, and manifests that name it by its digest", async () => {
    const { status, output } = await task("--manifests", "--name", "registry.test:5000/team/istio-nats:0.1.0");
    assert.equal(status, 0, output);
    const digest = /digest +(sha256:[0-9a-f]{64})/.exec(output)?.[1];
    const index = JSON.parse(readFileSync(inRoot("build", "image", "index.json"), "utf8")) as {
      manifests: Descriptor[];
    };
    assert.deepEqual(
      index.manifests.map((one) => one.digest),
      [digest],
    );
    for (const form of FORMS) {
      for (const kind of KINDS) {
        const text = readFileSync(inRoot("build", "manifests", `${form}-${kind.toLowerCase()}.yaml`), "utf8");
        assert.deepEqual(text.match(/(?<=^ +url: ).*$/gm), [`oci://registry.test:5000/team/istio-nats@${digest}`]);
      }
    }
  });

  it("leaves manifests that doctor finds nothing in, as the README gives them to it before it applies the same", () => {
    const commands = snippets("README.md", "sh").flatMap((text) => text.split("\n"));
    const filesOf = (command: string): string[] =>
      commands.flatMap((line) => (line.startsWith(command) ? line.slice(command.length).split(" ") : []));
    const files = ["build/manifests/sidecar-wasmplugin.yaml", "build/manifests/sidecar-surroundings.yaml"];
    const doctor = "node build/istio-nats.cjs doctor ";
    assert.deepEqual(filesOf(doctor), files);
    assert.deepEqual(filesOf("kubectl apply -f "), files);
    assert.ok(commands.indexOf(doctor + files.join(" ")) < commands.indexOf(`kubectl apply -f ${files[0]}`));
    const { status, output } = istioNats(["doctor", "--strict", ...files.map((file) => inRoot(file))]);
    assert.equal(status, 0, output);
  });

  it("waits for another one in the same clone, which would replace the folders that it reads", async () => {
    const giveBack = lockImage();
    let isHeld = true;
    let said = "";
    try {
      const ended = run(process.execPath, ["--import", "tsx", inRoot("tools", "main.ts"), "image"], {
        onOutput: (chunk) => (said += chunk.toString()),
      }).then((outcome) => ({ ...outcome, wasHeld: isHeld }));
      await waitFor("it says that it waits", () => said.includes(`process ${process.pid} makes the image; waiting`));
      isHeld = false;
      giveBack();
      const { status, stdout, wasHeld } = await ended;
      assert.deepEqual([status, wasHeld], [0, false], said);
      assert.match(stdout, /^digest +sha256:/m);
    } finally {
      giveBack();
    }
  });
});

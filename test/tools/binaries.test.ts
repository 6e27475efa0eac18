import assert from "node:assert/strict";
import { chmodSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { afterEach, beforeEach, describe, it, mock } from "node:test";
import { findEnvoy } from "../../tools/envoy.ts";
import { Fault } from "../../tools/fault.ts";
import { findNats, findNatsServer } from "../../tools/nats.ts";
import { findPromtool } from "../../tools/prometheus.ts";
import { makeScratch, removeScratch } from "../stand/scratch.ts";

const ENVOY_VERSION = (version: string): string =>
  `envoy  version: 9e5580933739775e8bce696a57a2e1bc99368f23/${version}/Clean/RELEASE/BoringSSL`;

describe("the search for commands", () => {
  const environment = { ...process.env };
  let folder: string;
  let said: string;

  beforeEach(() => {
    folder = makeScratch();
    delete process.env["ENVOY"];
    delete process.env["NATS_SERVER"];
    process.env["PATH"] = `${folder}${delimiter}${environment["PATH"] ?? ""}`;
    said = "";
    mock.method(process.stderr, "write", (text: string) => {
      said += text;
      return true;
    });
  });

  afterEach(() => {
    mock.restoreAll();
    process.env = { ...environment };
    removeScratch(folder);
  });

  /** A command that answers `--version` with this, first on PATH. */
  function install(name: string, answer: string): string {
    const file = join(folder, name);
    writeFileSync(file, `#!/bin/sh\necho '${answer}'\n`);
    chmodSync(file, 0o755);
    return file;
  }

  it("uses PATH's Envoy if it is 1.40", async () => {
    const envoy = install("envoy", ENVOY_VERSION("1.40.2"));
    assert.equal(await findEnvoy(), envoy);
    assert.equal(said, "");
  });

  it("skips PATH's Envoy of another version, and says so", async () => {
    const envoy = install("envoy", ENVOY_VERSION("1.38.3"));
    assert.notEqual(await findEnvoy(), envoy);
    assert.match(said, /is Envoy 1\.38\.3, not 1\.40: not used\. ENVOY=.* insists/);
  });

  it("uses $ENVOY whatever its version, and says so", async () => {
    process.env["ENVOY"] = install("envoy-of-istio", ENVOY_VERSION("1.38.3"));
    assert.equal(await findEnvoy(), process.env["ENVOY"]);
    assert.match(said, /\$ENVOY is Envoy 1\.38\.3; the tests are written against 1\.40/);
  });

  it("refuses a $ENVOY that is not an Envoy", async () => {
    process.env["ENVOY"] = install("not-envoy", "something else");
    await assert.rejects(
      findEnvoy(),
      (error) => error instanceof Fault && error.message.includes("which is not an Envoy"),
    );
  });

  it("uses PATH's nats-server if it is 2.15 or newer", async () => {
    const server = install("nats-server", "nats-server: v3.0.0");
    assert.equal(await findNatsServer(), server);
    assert.equal(said, "");
  });

  it("skips PATH's older nats-server, and says so", async () => {
    const server = install("nats-server", "nats-server: v2.10.29");
    assert.notEqual(await findNatsServer(), server);
    assert.match(said, /is nats-server 2\.10, older than 2\.15: not used\. NATS_SERVER=.* insists/);
  });

  it("refuses a $NATS_SERVER that is not a nats-server", async () => {
    process.env["NATS_SERVER"] = install("not-nats", "something else");
    await assert.rejects(
      findNatsServer(),
      (error) => error instanceof Fault && error.message.includes("not a nats-server"),
    );
  });

  it("takes $NATS or $PROMTOOL as it is if it runs, and else refuses it", async () => {
    for (const [variable, find] of [
      ["NATS", findNats],
      ["PROMTOOL", findPromtool],
    ] as const) {
      process.env[variable] = install("named", "any version");
      assert.equal(await find(), process.env[variable]);
      process.env[variable] = join(folder, "absent");
      await assert.rejects(
        find(),
        (error) =>
          error instanceof Fault &&
          error.message.startsWith(`$${variable} is `) &&
          error.message.includes("does not run"),
      );
    }
  });
});

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { usual } from "../../tools/suites/counts.ts";
import { freshSeed, Random } from "../host/random.ts";
import { ConfigVm, problemOf, type Reading } from "./config-fuzz.ts";
import { configuration, SOUND } from "./configurations.ts";
import { isJson } from "./is-json.ts";
import { minimise } from "./minimise.ts";

const INPUTS = usual(60_000);

/** One text that is or resembles JSON: `y_` is JSON, `n_` is not, and readers differ on `i_`. Latin-1, one character per byte. */
interface JsonCase {
  name: string;
  text?: string;
  /** In place of `text`: `before` and then `after`, each this many times. */
  before?: string;
  after?: string;
  times?: number;
}

const CASES = JSON.parse(readFileSync(new URL("./json-cases.json", import.meta.url), "utf8")) as JsonCase[];

function textOf({ text, before = "", after = "", times = 0 }: JsonCase): string {
  return text ?? before.repeat(times) + after.repeat(times);
}

function bytesOf(text: string): Buffer {
  return Buffer.from(text, "latin1");
}

/** A trap is a problem like any other. */
function problemIn(vm: ConfigVm, bytes: Uint8Array): string | undefined {
  let reading: Reading;
  try {
    reading = vm.read(bytes);
  } catch (error) {
    return `the filter trapped: ${String(error)}`;
  }
  return problemOf(bytes, reading);
}

describe("the configuration's reader and JSON", () => {
  const vm = new ConfigVm();
  for (const one of CASES) {
    const text = textOf(one);
    const kind = one.name.slice(0, 2);
    const verdict = kind === "y_" ? "is JSON" : kind === "n_" ? "is not JSON" : "is accepted or not, without a trap";
    it(`${one.name} ${verdict}, alone and as a value`, () => {
      const alone = bytesOf(text);
      if (kind !== "i_") assert.equal(isJson(alone), kind === "y_", "JSON.parse says otherwise of this case");
      assert.equal(problemIn(vm, alone), undefined);
      const inside = bytesOf(`{"x":${text}}`);
      assert.equal(problemIn(vm, inside), undefined);
      if (kind === "i_") return;
      const { accepted, isNotJson } = vm.read(inside);
      assert.deepEqual({ accepted, isNotJson }, { accepted: false, isNotJson: kind === "n_" });
    });
  }

  it("what nests deeper than 10,000 levels is refused as JSON that cannot be read", () => {
    const { accepted, isNotJson } = vm.read(bytesOf(`{"x":${"[".repeat(20_000)}${"]".repeat(20_000)}}`));
    assert.deepEqual({ accepted, isNotJson }, { accepted: false, isNotJson: true });
  });

  it("a duplicate key is a fault, although JSON.parse accepts it", () => {
    const text = SOUND[0]!.replace('"mode"', '"mode":"ENFORCE","mode"');
    assert.equal(isJson(bytesOf(text)), true);
    assert.match(vm.read(bytesOf(text)).faults.join("\n"), /^mode: is written twice/);
  });
});

describe("the configuration's reader and mutated configurations", () => {
  it("agree on valid ones before they are mutated", () => {
    const vm = new ConfigVm();
    for (const text of SOUND) assert.deepEqual(vm.read(Buffer.from(text)).faults, []);
  });

  it(`meet without a trap: ${INPUTS} of them are accepted, or refused with a path for every fault`, (t) => {
    const random = new Random(freshSeed());
    t.diagnostic(`TEST_SEED=${random.seed}`);
    const vm = new ConfigVm();
    let accepted = 0;
    for (let i = 0; i < INPUTS; i++) {
      const text = configuration(random);
      const problem = problemIn(vm, bytesOf(text));
      if (problem !== undefined) {
        const fails = (chunks: readonly string[]): boolean =>
          problemIn(new ConfigVm(), bytesOf(chunks.join(""))) !== undefined;
        const [smallest = text] = minimise([text], fails, 1000);
        assert.fail(
          `${problemIn(new ConfigVm(), bytesOf(smallest)) ?? problem}: ${JSON.stringify(smallest)} (seed ${random.seed})`,
        );
      }
      if (vm.wasAccepted) accepted++;
    }
    t.diagnostic(`${accepted} were accepted`);
    assert.ok(accepted > INPUTS / 50, "hardly any configuration was accepted");
  });
});

import { Ajv, type ValidateFunction } from "ajv";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { before, describe, it } from "node:test";
import { inRoot } from "../../tools/paths.ts";
import { policySchemaFiles } from "../../tools/policy-schema-files.ts";
import { usual } from "../../tools/suites/counts.ts";
import { ConfigVm } from "../fuzz/config-fuzz.ts";
import { configuration } from "../fuzz/configurations.ts";
import { isJson } from "../fuzz/is-json.ts";
import { filterModule } from "../host/filter.ts";
import { Host } from "../host/host.ts";
import { freshSeed, Random } from "../host/random.ts";

const INPUTS = usual(8_000);

const FROM = [{ principals: ["*"] }];
const RULE = { name: "r", from: FROM, publish: { allow: ["a"] } };

function whole(parts: object): object {
  return { trustDomains: ["cluster.local"], rules: [RULE], ...parts };
}

function withRule(parts: object): object {
  return whole({ rules: [{ ...RULE, ...parts }] });
}

function withSource(source: object): object {
  return withRule({ from: [source] });
}

function withClass(parts: object): object {
  return whole({ telemetry: { subjects: [parts] } });
}

/** What neither the filter nor the schema may accept, by what is wrong with it. */
const FAULTS: Record<string, unknown> = {
  "a list in place of the whole": [],
  "no trust domains": { rules: [RULE] },
  "no rules": { trustDomains: ["cluster.local"] },
  "an empty list of trust domains": whole({ trustDomains: [] }),
  "a trust domain twice": whole({ trustDomains: ["a", "a"] }),
  "a trust domain with a wildcard": whole({ trustDomains: ["*"] }),
  "an empty list of rules": whole({ rules: [] }),
  "an unknown key": whole({ rule: [] }),
  "a mode in small letters": whole({ mode: "enforce" }),
  "an unknown identity": whole({ identity: "CLIENT" }),
  "a rule that is a text": whole({ rules: ["r"] }),
  "a rule without a name": whole({ rules: [{ from: FROM, publish: { allow: ["a"] } }] }),
  "a rule with an empty name": withRule({ name: "" }),
  "a rule with a name that cuts a stat's": withRule({ name: "a;.;b" }),
  "a rule with a control character in its name": withRule({ name: "a\tb" }),
  "a rule without from": whole({ rules: [{ name: "r", publish: { allow: ["a"] } }] }),
  "a rule that does nothing": whole({ rules: [{ name: "r", from: FROM }] }),
  "a rule with camel case": withRule({ allowResponses: true }),
  "an empty from": withRule({ from: [] }),
  "an empty source": withSource({}),
  "an empty list of principals": withSource({ principals: [] }),
  "a principal that is a list": withSource({ principals: [["a"]] }),
  "a principal with its scheme": withSource({ principals: ["spiffe://cluster.local/ns/a/sa/b"] }),
  "a principal with a wildcard inside": withSource({ principals: ["cluster.local/*/sa"] }),
  "a principal with a blank": withSource({ principals: ["cluster.local/ns/a/sa/b "] }),
  "a namespace with a slash": withSource({ namespaces: ["a/b"] }),
  "a service account without a namespace": withSource({ serviceAccounts: ["cart"] }),
  "a trust domain with two wildcards": withSource({ trustDomains: ["*a*"] }),
  "subjects in place of publish": withRule({ publish: ["a"] }),
  "a subject in place of a list": withRule({ publish: { allow: "a" } }),
  "an unknown key of publish": withRule({ publish: { allow: ["a"], permit: [] } }),
  "everything denied by a word": withRule({ publish: { deny: "ALL" } }),
  "an empty subject": withRule({ publish: { allow: [""] } }),
  "a subject with an empty token": withRule({ publish: { allow: ["a..b"] } }),
  "a subject that ends with a dot": withRule({ publish: { allow: ["a."] } }),
  "a subject with > inside": withRule({ publish: { allow: ["a.>.b"] } }),
  "a queue group of publish": withRule({ publish: { allow: ["a workers"] } }),
  "a third word of subscribe": withRule({ subscribe: { allow: ["a workers more"] } }),
  "a number of responses that is a text": withRule({ allow_responses: { max: "1" } }),
  "a duration that is a number": withRule({ allow_responses: { expires: 5 } }),
  "a duration without a unit": withRule({ allow_responses: { expires: "5" } }),
  "responses by a word": withRule({ allow_responses: "yes" }),
  "an unknown word for replies": withRule({ replies: "NONE" }),
  "an unknown word for rollup": withRule({ rollup: "NONE" }),
  "an unknown limit": whole({ limits: { controlline: 4096 } }),
  "a limit that is a text": whole({ limits: { controlLine: "4096" } }),
  "a limit below its least": whole({ limits: { controlLine: 127 } }),
  "a limit beyond its most": whole({ limits: { memory: 536_870_913 } }),
  "a limit with a fraction": whole({ limits: { subscriptions: 1.5 } }),
  "no audit records at all": whole({ audit: { refusalsPerSecond: 0 } }),
  "less than no sample": whole({ audit: { sample: -1 } }),
  "a sample beyond its most": whole({ audit: { sample: 1_000_000_001 } }),
  "an unknown key of audit": whole({ audit: { samples: 1 } }),
  "an unknown word for connectUrls": whole({ connectUrls: "HIDE" }),
  "connectUrls that is a truth": whole({ connectUrls: true }),
  "an unknown key of telemetry": whole({ telemetry: { subject: [] } }),
  "telemetry that is a list": whole({ telemetry: [] }),
  "a class without a name": withClass({ patterns: ["a"] }),
  "a class without patterns": withClass({ name: "a" }),
  "a class with no pattern": withClass({ name: "a", patterns: [] }),
  "a class with a dot in its name": withClass({ name: "a.b", patterns: ["a"] }),
  "a class with an empty name": withClass({ name: "", patterns: ["a"] }),
  "a class with an unknown key": withClass({ name: "a", patterns: ["a"], subjects: ["b"] }),
  "a pattern with a queue group": withClass({ name: "a", patterns: ["a workers"] }),
  "a pattern with > inside": withClass({ name: "a", patterns: ["a.>.b"] }),
  "no principals with series": whole({ telemetry: { principals: 0 } }),
  "more principals than have series": whole({ telemetry: { principals: 4097 } }),
  "more requests than are timed": whole({ telemetry: { requests: 1_048_577 } }),
  "a request's patience that is a number": whole({ telemetry: { requestTimeout: 10 } }),
  "a request's patience without a unit": whole({ telemetry: { requestTimeout: "10" } }),
  ...Object.fromEntries(
    ["2h", "10h", "61m", "100m", "3601s", "3600001ms", "10000000ms", "1h61m", "-1s", "0"].map((requestTimeout) => [
      `a request's patience of ${requestTimeout}`,
      whole({ telemetry: { requestTimeout } }),
    ]),
  ),
};

/** What both must accept, besides what the fuzzer makes. */
const SOUND: Record<string, object> = {
  "the least": whole({}),
  "every word": whole({ mode: "DRY_RUN", identity: "WORKLOAD", connectUrls: "REMOVE" }),
  "no classes and no timed requests": whole({ telemetry: { subjects: [], principals: 4096, requests: 0 } }),
  ...Object.fromEntries(
    ["1h", "60m", "3600s", "3600000ms", "3600000000us", "1.h", ".5h", "+59m59.9s", "0h09m", "007s", "1999ms"].map(
      (requestTimeout) => [`a request's patience of ${requestTimeout}`, whole({ telemetry: { requestTimeout } })],
    ),
  ),
  "a sample of everything within the least memory": whole({ audit: { sample: 1 }, limits: { memory: 8_388_608 } }),
  "principals with wildcards": withSource({ principals: ["*", "*/sa/b", "cluster.local/ns/a/*", "https://a.example"] }),
  "namespaces with wildcards": withSource({ namespaces: ["*", "a-*-b"], notTrustDomains: ["*.example"] }),
  "subjects of one character": withRule({ publish: { allow: [">", "*", "a"], deny: ["foo*", "f>", ">>", "$SYS.>"] } }),
  "a queue group after blanks": withRule({ subscribe: { allow: ["orders.> \t workers.*"] } }),
  everything: withRule({ publish: { allow: "ALL" }, replies: "ANY", rollup: "ALL" }),
  "durations as Go writes them": whole({
    rules: ["0", "-1s", "1h30m", "1.5s", ".5s", "1.s", "1500us", "2000µs", "+3ms"].map((expires, i) => ({
      ...{ ...RULE, name: `r${i}` },
      allow_responses: { max: -1, expires },
    })),
  }),
  "an empty list beside another": withRule({ publish: { allow: ["a"], deny: [] } }),
};

function accepted(configuration: unknown): boolean {
  return new Host(filterModule()).configure(JSON.stringify(configuration)).accepted;
}

describe("the schema of the policy", () => {
  let takes: ValidateFunction;

  before(() => {
    const schema = JSON.parse(readFileSync(inRoot("docs", "reference", "policy.schema.json"), "utf8")) as object;
    takes = new Ajv({ allErrors: true, strictTypes: false }).compile(schema);
  });

  it("is in docs/ and in the chart as the reference and its source have it", async () => {
    for (const [file, text] of await policySchemaFiles()) {
      assert.equal(readFileSync(file, "utf8"), text, `${file} is out of date: npm run schema`);
    }
  });

  it("refuses what the filter refuses for its structure", () => {
    for (const [what, faulty] of Object.entries(FAULTS)) {
      assert.ok(!accepted(faulty), `the filter accepts ${what}`);
      assert.ok(!takes(faulty), `the schema accepts ${what}`);
    }
  });

  it("bounds texts and lists where the filter does", () => {
    const names = (count: number): string[] => Array.from({ length: count }, (_, i) => `d${i}`);
    const classes = (count: number): object[] => names(count).map((name) => ({ name, patterns: [name] }));
    const long = (length: number): string => "a".repeat(length);
    const bounds: Record<string, [most: number, make: (size: number) => object]> = {
      "trust domains": [64, (size) => whole({ trustDomains: names(size) })],
      "a trust domain's length": [255, (size) => whole({ trustDomains: [long(size)] })],
      "a rule's name": [128, (size) => withRule({ name: long(size) })],
      "a subject": [4096, (size) => withRule({ publish: { allow: [long(size)] } })],
      "a principal": [2048, (size) => withSource({ principals: [long(size)] })],
      "a namespace": [8192, (size) => withSource({ namespaces: [long(size)] })],
      classes: [64, (size) => whole({ telemetry: { subjects: classes(size) } })],
      "a class's name": [64, (size) => whole({ telemetry: { subjects: [{ name: long(size), patterns: ["a"] }] } })],
    };
    for (const [what, [most, make]] of Object.entries(bounds)) {
      assert.deepEqual([accepted(make(most)), takes(make(most))], [true, true], what);
      assert.deepEqual([accepted(make(most + 1)), takes(make(most + 1))], [false, false], what);
    }
  });

  it("has its bounds from the filter's source, so that they cannot differ", () => {
    const source = readFileSync(inRoot("tools", "policy-schema.ts"), "utf8");
    assert.doesNotMatch(source, /\b(?:64|255|100_000|128|2048|4096|8192)\b/);
  });

  it("accepts what the filter accepts", () => {
    for (const [what, sound] of Object.entries(SOUND)) {
      assert.ok(accepted(sound), `the filter refuses ${what}`);
      assert.ok(takes(sound), `the schema refuses ${what}: ${JSON.stringify(takes.errors)}`);
    }
  });

  it(`accepts whatever the filter accepts of ${INPUTS.toLocaleString("en")} mutated configurations`, () => {
    const random = new Random(freshSeed());
    const vm = new ConfigVm();
    let taken = 0;
    for (let i = 0; i < INPUTS; i++) {
      const bytes = Buffer.from(configuration(random), "latin1");
      if (!isJson(bytes) || !vm.read(bytes).accepted) continue;
      taken++;
      const text = bytes.toString("utf8");
      assert.ok(takes(JSON.parse(text)), `TEST_SEED=${random.seed}: ${text}: ${JSON.stringify(takes.errors)}`);
    }
    assert.ok(taken > INPUTS / 100, `only ${taken} were taken by the filter`);
  });
});

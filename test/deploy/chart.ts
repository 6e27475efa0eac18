import assert from "node:assert/strict";
import { cpSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before } from "node:test";
import { stringify } from "yaml";
import { run, type Outcome } from "../../tools/command.ts";
import { deployTools } from "../../tools/deploy-tools.ts";
import { inRoot } from "../../tools/paths.ts";
import { makeScratch, removeScratch } from "../stand/scratch.ts";
import { manifestsIn, nameOf, only, type Manifest } from "./manifests.ts";

export const CHART = inRoot("deploy", "chart");

export const DIGEST = `sha256:${"a".repeat(64)}`;

export const POLICY = {
  trustDomains: ["cluster.local"],
  rules: [{ name: "r", from: [{ principals: ["*"] }], publish: { allow: ["a"] } }],
};

/** All that the chart must be given. */
export const LEAST = { image: { repository: "registry.example/istio-nats", digest: DIGEST }, policy: POLICY };

export function byName(manifests: readonly Manifest[]): Record<string, Manifest> {
  return Object.fromEntries(manifests.map((manifest) => [nameOf(manifest), manifest]));
}

/** The chart as a release `istio-nats`, rendered by helm with values on top of the chart's own. */
export class Chart {
  #helm!: string;
  /** For what a test writes. */
  folder!: string;

  /** For the tests of the suite that calls this. */
  static ofSuite(): Chart {
    const chart = new Chart();
    before(async () => {
      chart.#helm = (await deployTools()).helm;
      chart.folder = makeScratch();
    });
    after(() => {
      removeScratch(chart.folder);
    });
    return chart;
  }

  /** Runs helm with these values on top of the chart's. Its files stay within the scratch folder. */
  withValues(command: string[], values: object, files: string[] = []): Promise<Outcome> {
    const file = join(this.folder, "values.yaml");
    writeFileSync(file, stringify(values));
    const given = [...files, file].flatMap((one) => ["--values", one]);
    const env = { HELM_CACHE_HOME: this.folder, HELM_CONFIG_HOME: this.folder, HELM_DATA_HOME: this.folder };
    return run(this.#helm, [...command, ...given], { env });
  }

  /** `helm template`, whatever comes of it. */
  template(values: object, namespace = "messaging", files: string[] = []): Promise<Outcome> {
    return this.withValues(["template", "istio-nats", CHART, "--namespace", namespace], values, files);
  }

  /** The manifests that helm renders, which must succeed. */
  async rendered(values: object, namespace?: string): Promise<Manifest[]> {
    const { status, output } = await this.template(values, namespace);
    assert.equal(status, 0, output);
    return manifestsIn(output);
  }

  /** What helm says, which must refuse the values. */
  async refusal(values: object): Promise<string> {
    const { status, output } = await this.template(values);
    assert.notEqual(status, 0, output);
    return output;
  }

  /** NOTES.txt as an installation shows it. `helm template` leaves it out, so a copy of the chart has it as a manifest. */
  async notes(values: object): Promise<string> {
    const copy = join(this.folder, "with-notes");
    cpSync(CHART, copy, { recursive: true });
    const file = join(copy, "templates", "notes.yaml");
    renameSync(join(copy, "templates", "NOTES.txt"), file);
    const text = readFileSync(file, "utf8");
    writeFileSync(
      file,
      `{{ define "notes" }}${text}{{ end }}kind: Notes\nspec: {text: {{ include "notes" . | quote }}}\n`,
    );
    const command = ["template", "istio-nats", copy, "--namespace", "messaging", "--show-only", "templates/notes.yaml"];
    const { status, output } = await this.withValues(command, values);
    assert.equal(status, 0, output);
    return String(only(manifestsIn(output), "Notes").spec["text"]);
  }
}

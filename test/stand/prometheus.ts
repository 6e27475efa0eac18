/** One sample of a Prometheus text exposition. */
export interface Sample {
  name: string;
  labels: Record<string, string>;
  value: number;
}

const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)/;
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"/g;
const ESCAPED: Record<string, string> = { n: "\n" };

/** Parses the text format that Envoy's `/stats/prometheus` returns. Comments are left out. */
export function parseSamples(text: string): Sample[] {
  const samples: Sample[] = [];
  for (const line of text.split("\n")) {
    const found = SAMPLE.exec(line);
    if (!found) continue;
    const [, name = "", labelText = "", value = ""] = found;
    const labels: Record<string, string> = {};
    for (const [, key = "", raw = ""] of labelText.matchAll(LABEL)) {
      labels[key] = raw.replace(/\\(.)/g, (_, character: string) => ESCAPED[character] ?? character);
    }
    samples.push({ name, labels, value: Number(value) });
  }
  return samples;
}

/** Whether a sample is of that name, and its labels include `labels`. */
export function isSample(sample: Sample, name: string, labels: Record<string, string>): boolean {
  return sample.name === name && Object.entries(labels).every(([label, value]) => sample.labels[label] === value);
}

/** The sum over the samples of that name whose labels include `labels`, or 0 if there are none. */
export function sum(samples: readonly Sample[], name: string, labels: Record<string, string> = {}): number {
  return samples.filter((sample) => isSample(sample, name, labels)).reduce((total, { value }) => total + value, 0);
}

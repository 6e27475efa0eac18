// A reporter for node:test that writes what `npm test` needs, one JSON object per line. It is JavaScript because node:test loads
// reporters by itself.

/** How many lines of a failure the summary repeats. The spec output above has all of them. */
const LINES = 12;

/** @param {any} error */
function reasonOf(error) {
  const message = String(error?.cause?.message ?? error?.message ?? "");
  const lines = message.split("\n");
  return lines.length > LINES ? [...lines.slice(0, LINES), "…"].join("\n") : message;
}

/** @param {AsyncIterable<{type: string, data: any}>} events */
export default async function* counts(events) {
  for await (const { type, data } of events) {
    if (type !== "test:pass" && type !== "test:fail") continue;
    if (data.details?.type === "suite") continue;
    // node:test passes a file without any test, under the file's own name.
    const isEmptyFile = type === "test:pass" && data.nesting === 0 && data.name === data.file;
    let verdict = type === "test:pass" ? "passed" : "failed";
    if (data.skip !== undefined) verdict = "skipped";
    // A test marked as todo is unfinished work, whatever its result.
    if (data.todo !== undefined || isEmptyFile) verdict = "failed";
    const name = isEmptyFile ? "holds no test" : data.name;
    const why = verdict === "failed" ? reasonOf(data.details?.error) : "";
    yield `${JSON.stringify({ verdict, name, file: data.file, why })}\n`;
  }
}

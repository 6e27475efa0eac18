// A reporter for node:test that writes what `npm test` needs, one JSON object a line. JavaScript, because node:test loads
// reporters by itself.

/** Lines of a failure that the summary repeats: the spec above it has all of them. */
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
    // node:test passes a file that holds no test at all, in the file's own name.
    const isEmptyFile = type === "test:pass" && data.nesting === 0 && data.name === data.file;
    let verdict = type === "test:pass" ? "passed" : "failed";
    if (data.skip !== undefined) verdict = "skipped";
    // A test marked as still to do is unfinished work, whatever it answers.
    if (data.todo !== undefined || isEmptyFile) verdict = "failed";
    const name = isEmptyFile ? "holds no test" : data.name;
    const why = verdict === "failed" ? reasonOf(data.details?.error) : "";
    yield `${JSON.stringify({ verdict, name, file: data.file, why })}\n`;
  }
}

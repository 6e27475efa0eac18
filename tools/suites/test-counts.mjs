// A reporter for node:test that writes what `npm test` needs, one JSON object a line. JavaScript, because node:test loads
// reporters by itself.

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
    yield `${JSON.stringify({ verdict, name, file: data.file })}\n`;
  }
}

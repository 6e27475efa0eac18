import pc from "picocolors";

/** Announces on stderr that something slow begins. stdout belongs to the task. */
export function announce(text: string): void {
  process.stderr.write(`${pc.cyan("==>")} ${text}\n`);
}

/** Tells the user something on stderr that matters although nothing fails. */
export function notice(text: string): void {
  process.stderr.write(`${pc.yellow("note:")} ${text}\n`);
}

/** Announces `text`, does `work`, and then says how long it took. */
export async function step<T>(text: string, work: () => Promise<T>): Promise<T> {
  announce(text);
  const began = performance.now();
  const result = await work();
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  process.stderr.write(`    ${pc.dim(`${text}: done in ${seconds} s`)}\n`);
  return result;
}

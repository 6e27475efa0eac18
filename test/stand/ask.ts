import { PATIENCE } from "./wait.ts";

/**
 * Asks a process over HTTP, as `fetch` does. Rejects if it has not answered within `timeout` milliseconds: one that is stopped
 * would hold up `fetch` for five minutes, and then be told without its name.
 */
export async function ask(
  who: string,
  url: string,
  { timeout = PATIENCE, ...init }: RequestInit & { timeout?: number } = {},
): Promise<Response> {
  try {
    return await fetch(url, { ...init, signal: AbortSignal.timeout(timeout) });
  } catch (error) {
    const why = error instanceof Error && error.name === "TimeoutError" ? `not within ${timeout} ms` : "not at all";
    throw new Error(`${who} answers ${url} ${why}`, { cause: error });
  }
}

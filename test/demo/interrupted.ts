/**
 * Resolves when the user wants the demo to end. Its handlers stay, because Ctrl-C may arrive twice: from the terminal, and from the
 * process that has started this one. The second must not end it before everything is stopped.
 */
export function interrupted(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => resolve());
  });
}

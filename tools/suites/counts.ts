/** Is this `npm run test:nightly`, or something that it started? Then counts are full and files named `*.nightly.test.ts` run. */
export const isNightly = process.env["ISTIO_NATS_NIGHTLY"] === "1";

/** How many random inputs, sessions or cuts a test is to have: `full` of them each night, and a tenth in each run of `npm test`. */
export function usual(full: number): number {
  return isNightly ? full : Math.ceil(full / 10);
}

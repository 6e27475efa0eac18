import { intersection } from "./pattern-overlap.ts";

const API = "$JS.API.>";

/** What a request to create a consumer begins with; the stream follows, and mostly the consumer's name and filter. */
export const CREATE_CONSUMER = "$JS.API.CONSUMER.CREATE";

/** What clients of JetStream publish: requests, acknowledgements and answers of flow control. */
const PUBLISHED = [API, "$JS.ACK.>", "$JS.FC.>"];

/** The API with a domain, which clients may name. Behind other tokens lies what somebody has made up, as for mirrors. */
const API_OF_DOMAIN = /^\$JS\.[^.]+\.API\./;

/** What nats-server publishes below `$JS.`, with a domain or without: advisories and metrics. */
const OF_SERVER = /^\$JS\.(?:[^.]+\.)?EVENT\./;

/** The patterns of what a subject that names JetStream and one of these have in common. */
function common(subject: string, patterns: readonly string[]): string[] {
  if (!subject.startsWith("$JS.") || OF_SERVER.test(subject)) return [];
  if (API_OF_DOMAIN.test(subject)) return [subject];
  return patterns.flatMap((pattern) => intersection(subject, pattern) ?? []);
}

/** Whether a subject that names JetStream, or some that it matches, is a request, with a domain or without. */
export function asksJetStream(subject: string): boolean {
  return common(subject, [API]).length > 0;
}

/** The patterns of what a subject that names JetStream matches of what clients publish there. */
export function publishedToJetStream(subject: string): string[] {
  return common(subject, PUBLISHED);
}

import { isOfJetStream } from "../nats/jetstream-subjects";
import { DOT, GREATER, STAR, Tokens } from "../nats/subject";

/**
 * Tokens of `$JS.API.DIRECT.GET.STREAM`. With a domain of JetStream there is one more. Five are then one too few, so that less is held
 * for certain. What further tokens decide about a request is not remembered for all that begin alike, since in some patterns they
 * say nothing (`misreadFrom`).
 */
export const STREAM_TOKENS: i32 = 5;

/**
 * Does nats-server read the wildcards of this published subject as such? Elsewhere they are literal tokens to it. JetStream's
 * API takes what follows a stream's or consumer's name for the subjects that are asked for (`$JS.API.DIRECT.GET`,
 * `$JS.API.CONSUMER.CREATE`; jetstream_api.go), so that `….orders.>` would read what a deny entry for `….orders.admin.>` keeps.
 */
export function isPattern(tokens: Tokens): bool {
  return tokens.hasWildcard && isOfJetStream(tokens.subject, tokens.subjectLength);
}

/**
 * Where a pattern begins to say nothing, since by it JetStream finds messages that it does not match; 0 if there is no such place.
 * JetStream's tree of subjects (stree/parts.go) takes the last byte of a pattern for a wildcard of its own where a node of the tree
 * ends before it: `….orders.*.adm>` finds `….orders.x.admin.y` too. Then only what is before the first wildcard holds (2.10.29,
 * 2.12.15 and 2.15.2, tried). By a '>' that is not last 2.10.29 finds all of the stream, and only the stream's name holds.
 */
export function misreadFrom(tokens: Tokens): usize {
  let holds = tokens.recorded - 1;
  if (tokens.hasInnerGreater) holds = min(holds, STREAM_TOKENS);
  else {
    const end = tokens.subject + <usize>tokens.subjectLength;
    const last = load<u8>(end - 1);
    if ((last != STAR && last != GREATER) || load<u8>(end - 2) == DOT) return 0;
  }
  let index = 1;
  while (index < holds && !tokens.isStar(index) && !tokens.isGreater(index)) index++;
  return tokens.pointer(index);
}

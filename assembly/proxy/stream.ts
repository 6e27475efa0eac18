import { proxy_close_stream, proxy_continue_stream, proxy_set_effective_context, STATUS_OK } from "./host";

/** The side of a connection towards the client. */
const DOWNSTREAM: i32 = 2;

/** What a data callback answers. */
export const enum FilterStatus {
  CONTINUE = 0,
  /** The host keeps the whole buffer and presents it again, grown. */
  STOP = 1,
}

/** Lets held downstream bytes go to the server. The host does not call `on_downstream_data` again for them. */
export function continueDownstream(): void {
  proxy_continue_stream(DOWNSTREAM);
}

/** Closes the client's connection. The other side as type answers STATUS_OK and does nothing (Envoy 1.40). */
export function closeDownstream(): void {
  proxy_close_stream(DOWNSTREAM);
}

/**
 * Lets the host calls that follow in this callback act on the context `context`, as a tick needs it for a connection. Answers
 * false when the host does not know it.
 */
export function actOn(context: u32): bool {
  return proxy_set_effective_context(context) == STATUS_OK;
}

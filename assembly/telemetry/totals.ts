/**
 * What a connection has done, for its last record and for the access log. The connection begins with it: a block of its own would take
 * 16 bytes more, and each callback would touch one more line of memory.
 */
@unmanaged
export class Totals {
  /**
   * From the client to nats-server (`in`), and from nats-server to the client (`out`). Bytes are those of payloads with their
   * headers.
   */
  messagesIn: u64 = 0;
  bytesIn: u64 = 0;
  messagesOut: u64 = 0;
  bytesOut: u64 = 0;
  /** Operations and deliveries that were refused, and those that rules or a configuration in DRY_RUN would have refused. */
  refused: u64 = 0;
  wouldRefuse: u64 = 0;
}

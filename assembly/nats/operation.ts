/** The operations of the NATS client protocol, in both directions. The numbers index the stats table. */
export const enum Operation {
  NONE = 0,
  CONNECT = 1,
  PUB = 2,
  HPUB = 3,
  SUB = 4,
  UNSUB = 5,
  PING = 6,
  PONG = 7,
  OK = 8,
  ERR = 9,
  INFO = 10,
  MSG = 11,
  HMSG = 12,
}

/** What reading a line came to. */
export const enum Reading {
  COMPLETE = 0,
  /** The bytes so far begin a line that may still become valid. */
  INCOMPLETE = 1,
  /** `-ERR 'Unknown Protocol Operation'` and the connection closes. */
  UNKNOWN_OPERATION = 2,
  /** The connection closes without a word: wrong number of arguments, a number that is none. */
  BAD_ARGUMENTS = 3,
  /** `-ERR 'maximum control line exceeded'` and the connection closes. */
  LINE_TOO_LONG = 4,
}

/** One `allow_responses`, as a rule gives it. */
@unmanaged
@final
export class ResponseLimit {
  constructor(
    readonly rule: i32,
    /** Publishes that one reply subject allows; negative: any number. */
    readonly max: i32,
    /** How long a reply subject stays allowed, in milliseconds; negative: for ever. */
    readonly expires: i64,
    readonly repliesAny: bool,
  ) {}
}

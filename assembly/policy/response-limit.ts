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

  /** Does it allow what these three say? */
  is(max: i32, expires: i64, repliesAny: bool): bool {
    return this.max == max && this.expires == expires && this.repliesAny == repliesAny;
  }
}

import { Ascii } from "../bytes/ascii";
import { FixedText, fixedText } from "../bytes/fixed-text";
import { integerOf, isInteger, JsonToken } from "../bytes/json";
import { Words } from "../bytes/words";
import { keyIs, readValue, scanner, tokenIsTrue, Value } from "./json-fields";

const MAX_PAYLOAD: FixedText = fixedText("max_payload");
const CLIENT_ID: FixedText = fixedText("client_id");
const HEADERS: FixedText = fixedText("headers");
const AUTH_REQUIRED: FixedText = fixedText("auth_required");
const TLS_REQUIRED: FixedText = fixedText("tls_required");
const TLS_AVAILABLE: FixedText = fixedText("tls_available");
const TLS_VERIFY: FixedText = fixedText("tls_verify");
const VERSION: FixedText = fixedText("version");
const CONNECT_URLS: FixedText = fixedText("connect_urls");
const WS_CONNECT_URLS: FixedText = fixedText("ws_connect_urls");
const CONNECT_INFO: FixedText = fixedText("connect_info");

/** The first and the last minor version of nats-server 2 before which sessions have been run (docs/compatibility.md). */
export const FIRST_TESTED_MINOR: i32 = 10;
export const LAST_TESTED_MINOR: i32 = 15;

/** The booleans among the fields that `ServerInfo` has. */
const enum Flag {
  HEADERS,
  AUTH_REQUIRED,
  TLS_REQUIRED,
  TLS_AVAILABLE,
  CONNECT_INFO,
}

/** The fields of one INFO that the filter acts on. An absent field is at Go's zero value. */
@unmanaged
@final
export class ServerInfo {
  /** Bytes; 0 when INFO does not say, i32.MAX_VALUE when nats-server has no limit or a larger one. */
  maxPayload: i32 = 0;
  /** nats-server's number of the connection, 0 when INFO does not say. */
  clientId: u64 = 0;
  headers: bool = false;
  authRequired: bool = false;
  tlsRequired: bool = false;
  tlsAvailable: bool = false;
  /** The INFO that nats-server sends after the PONG to the first PING after CONNECT. */
  connectInfo: bool = false;
  /** The minor version of nats-server 2; 0 when INFO names none or another major version. */
  minorVersion: i32 = 0;
  /** The version as INFO has it, until its bytes are gone. */
  version: usize = 0;
  versionLength: i32 = 0;
  /**
   * Parts of the text (`cutStart`, `cutEnd`) without which it lacks the unwanted fields and is JSON still: for each its
   * first address and the one behind it, in order, until the bytes are gone. All else stays as nats-server wrote it.
   */
  private readonly cuts: Words = new Words();
  cutCount: i32 = 0;
  /** While the text is read: behind the last field that stays, 0 before any. */
  private keptEnd: usize = 0;
  /** While the text is read: where the first field begins if it is cut out, 0 if it is not. */
  private headStart: usize = 0;

  /** Have sessions been run before this minor version, or before an older and a newer one? */
  get isTested(): bool {
    return this.minorVersion >= FIRST_TESTED_MINOR && this.minorVersion <= LAST_TESTED_MINOR;
  }

  /**
   * Reads the JSON of an INFO. Answers false for what is no JSON object. `withoutUrls` cuts out the addresses of other servers,
   * `withoutTls` that TLS is required or offered: a client must not begin it where the proxy speaks TLS for it. nats.js takes up an
   * offer, too.
   */
  read(pointer: usize, length: i32, withoutUrls: bool, withoutTls: bool): bool {
    this.maxPayload = 0;
    this.clientId = 0;
    this.headers = false;
    this.authRequired = false;
    this.tlsRequired = false;
    this.tlsAvailable = false;
    this.connectInfo = false;
    this.minorVersion = 0;
    this.version = 0;
    this.versionLength = 0;
    this.cutCount = 0;
    this.keptEnd = 0;
    this.headStart = 0;
    scanner.reset(pointer, pointer + <usize>length);
    if (scanner.next() != JsonToken.OBJECT_START) return false;
    while (true) {
      const token = scanner.next();
      if (token == JsonToken.OBJECT_END) return scanner.next() == JsonToken.END;
      if (token != JsonToken.KEY) return false;
      const start = scanner.tokenStart - 1;
      const isUnwanted =
        (withoutUrls && (keyIs(CONNECT_URLS) || keyIs(WS_CONNECT_URLS))) ||
        (withoutTls && (keyIs(TLS_REQUIRED) || keyIs(TLS_AVAILABLE) || keyIs(TLS_VERIFY)));
      if (this.readField() == Value.BROKEN) return false;
      if (isUnwanted) this.leaveOut(start, scanner.position);
      else this.keep(start, scanner.position);
    }
  }

  /**
   * Cuts out the field from `start` to `end`, with the comma before it. Where no field before it stays, the cut begins with the
   * first field, and `keep` takes the comma behind it along.
   */
  private leaveOut(start: usize, end: usize): void {
    if (this.keptEnd == 0) {
      if (this.headStart == 0) this.headStart = start;
      this.cutCount = 0;
      this.addCut(this.headStart, end);
    } else {
      this.addCut(this.keptEnd, end);
      this.keptEnd = end;
    }
  }

  /**
   * The field from `start` to `end` stays. Fields cut out before the first one that stays go up to that one, comma included.
   */
  private keep(start: usize, end: usize): void {
    if (this.keptEnd == 0 && this.headStart != 0) {
      this.cutCount = 0;
      this.addCut(this.headStart, start);
    }
    this.keptEnd = end;
  }

  private addCut(start: usize, end: usize): void {
    this.cuts.reserve((this.cutCount + 1) * 2);
    this.cuts.set(this.cutCount * 2, <i32>start);
    this.cuts.set(this.cutCount * 2 + 1, <i32>end);
    this.cutCount++;
  }

  /** The first address of a cut, `index` being below `cutCount`. */
  cutStart(index: i32): usize {
    return <usize>this.cuts.get(index * 2);
  }

  /** The address behind it. */
  cutEnd(index: i32): usize {
    return <usize>this.cuts.get(index * 2 + 1);
  }

  private readField(): Value {
    if (keyIs(MAX_PAYLOAD)) {
      const value = readValue(JsonToken.NUMBER);
      if (value == Value.TAKEN) this.maxPayload = payloadLimit(number());
      return value;
    }
    if (keyIs(CLIENT_ID)) {
      const value = readValue(JsonToken.NUMBER);
      if (value == Value.TAKEN) this.clientId = <u64>max<i64>(number(), 0);
      return value;
    }
    if (keyIs(VERSION)) {
      const value = readValue(JsonToken.STRING);
      if (value == Value.TAKEN) {
        this.version = scanner.tokenStart;
        this.versionLength = <i32>(scanner.tokenEnd - scanner.tokenStart);
        this.minorVersion = minorOf(scanner.tokenStart, scanner.tokenEnd);
      }
      return value;
    }
    if (keyIs(HEADERS)) return this.readFlag(Flag.HEADERS);
    if (keyIs(AUTH_REQUIRED)) return this.readFlag(Flag.AUTH_REQUIRED);
    if (keyIs(TLS_REQUIRED)) return this.readFlag(Flag.TLS_REQUIRED);
    if (keyIs(TLS_AVAILABLE)) return this.readFlag(Flag.TLS_AVAILABLE);
    if (keyIs(CONNECT_INFO)) return this.readFlag(Flag.CONNECT_INFO);
    return scanner.skipValue() ? Value.TAKEN : Value.BROKEN;
  }

  private readFlag(flag: Flag): Value {
    const value = readValue(JsonToken.TRUE);
    if (value != Value.TAKEN) return value;
    const on = tokenIsTrue();
    if (flag == Flag.HEADERS) this.headers = on;
    else if (flag == Flag.AUTH_REQUIRED) this.authRequired = on;
    else if (flag == Flag.TLS_REQUIRED) this.tlsRequired = on;
    else if (flag == Flag.TLS_AVAILABLE) this.tlsAvailable = on;
    else this.connectInfo = on;
    return value;
  }
}

/** `2.`, as it lies in memory. */
const MAJOR: u16 = 0x2e32;

/** MINOR of `2.MINOR.PATCH`, 0 for anything else. */
function minorOf(pointer: usize, end: usize): i32 {
  if (end - pointer < 5 || load<u16>(pointer) != MAJOR) return 0;
  let minor = 0;
  for (pointer += 2; pointer < end && minor < 1000; pointer++) {
    const digit = <i32>load<u8>(pointer) - Ascii.ZERO;
    if (digit == Ascii.DOT - Ascii.ZERO) return minor;
    if (digit < 0 || digit > 9) return 0;
    minor = minor * 10 + digit;
  }
  return 0;
}

/** The value of the NUMBER just read, 0 for one that is no int64. */
function number(): i64 {
  return isInteger(scanner.tokenStart, scanner.tokenEnd) ? integerOf(scanner.tokenStart, scanner.tokenEnd) : 0;
}

/** A negative `max_payload` is none at all (client.go `processPub`, jwt.NoLimit), which as an unsigned number it is. */
function payloadLimit(value: i64): i32 {
  return <i32>min<u64>(<u64>value, <u64>i32.MAX_VALUE);
}

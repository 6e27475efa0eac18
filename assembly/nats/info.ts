import { Ascii } from "../bytes/ascii";
import { integerOf, isInteger, JsonToken } from "../bytes/json";
import { Words } from "../bytes/words";
import { FieldNames, fieldNames } from "./field-names";
import { beginFields, Field, fieldEnd, fieldStart, fieldToken, nextField, valueEnd, valueStart } from "./json-fields";

/** The fields that are read, in the order of their names below. */
const enum InfoField {
  MAX_PAYLOAD,
  CLIENT_ID,
  VERSION,
  HEADERS,
  AUTH_REQUIRED,
  CONNECT_INFO,
  TLS_REQUIRED,
  TLS_AVAILABLE,
  TLS_VERIFY,
  CONNECT_URLS,
  WS_CONNECT_URLS,
}

const NAMES: FieldNames = fieldNames([
  "max_payload",
  "client_id",
  "version",
  "headers",
  "auth_required",
  "connect_info",
  "tls_required",
  "tls_available",
  "tls_verify",
  "connect_urls",
  "ws_connect_urls",
]);

/** The first and the last minor version of nats-server 2 before which sessions have been run (docs/reference/compatibility.md). */
export const FIRST_TESTED_MINOR: i32 = 10;
export const LAST_TESTED_MINOR: i32 = 15;

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
  /** While the text is read: behind the field that was read last, once one has stayed; 0 before. */
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
    if (beginFields(pointer, length) != JsonToken.OBJECT_START) return false;
    while (true) {
      const field = nextField(NAMES);
      if (field < Field.OTHER) return field == Field.END;
      this.take(field);
      const isUnwanted =
        (withoutUrls && field >= InfoField.CONNECT_URLS) ||
        (withoutTls && field >= InfoField.TLS_REQUIRED && field <= InfoField.TLS_VERIFY);
      if (isUnwanted) this.leaveOut(fieldStart, fieldEnd);
      else this.keep(fieldStart, fieldEnd);
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

  /** Keeps the value of the field just read, if it is of the field's type. */
  private take(field: i32): void {
    if (fieldToken == JsonToken.NUMBER) {
      if (field == InfoField.MAX_PAYLOAD) this.maxPayload = payloadLimit(number());
      else if (field == InfoField.CLIENT_ID) this.clientId = <u64>max<i64>(number(), 0);
    } else if (fieldToken == JsonToken.STRING) {
      if (field == InfoField.VERSION) {
        this.version = valueStart;
        this.versionLength = <i32>(valueEnd - valueStart);
        this.minorVersion = minorOf(valueStart, valueEnd);
      }
    } else if (fieldToken == JsonToken.TRUE || fieldToken == JsonToken.FALSE) {
      const on = fieldToken == JsonToken.TRUE;
      if (field == InfoField.HEADERS) this.headers = on;
      else if (field == InfoField.AUTH_REQUIRED) this.authRequired = on;
      else if (field == InfoField.CONNECT_INFO) this.connectInfo = on;
      else if (field == InfoField.TLS_REQUIRED) this.tlsRequired = on;
      else if (field == InfoField.TLS_AVAILABLE) this.tlsAvailable = on;
    }
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
  return isInteger(valueStart, valueEnd) ? integerOf(valueStart, valueEnd) : 0;
}

/** A negative `max_payload` is none at all (client.go `processPub`, jwt.NoLimit), which as an unsigned number it is. */
function payloadLimit(value: i64): i32 {
  return <i32>min<u64>(<u64>value, <u64>i32.MAX_VALUE);
}

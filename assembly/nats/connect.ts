import { Ascii } from "../bytes/ascii";
import { FixedText, fixedText } from "../bytes/fixed-text";
import { isInteger, JsonToken } from "../bytes/json";
import { keyIs, readValue, scanner, tokenIsTrue, Value } from "./json-fields";
import { blanksOf, LibraryBlanks } from "./library-blanks";

/**
 * Fields of CONNECT by their Go type (nats-server client.go `ClientOpts`); a wrong type ends the connection. The first three are
 * those that `ConnectOptions` keeps (`set`).
 */
const BOOLEANS: StaticArray<FixedText> = [
  fixedText("verbose"),
  fixedText("pedantic"),
  fixedText("headers"),
  fixedText("echo"),
  fixedText("tls_required"),
  fixedText("no_responders"),
  fixedText("new_account"),
];
const PROTOCOL: FixedText = fixedText("protocol");
const LANG: FixedText = fixedText("lang");
const STRINGS: StaticArray<FixedText> = [
  fixedText("user"),
  fixedText("pass"),
  fixedText("auth_token"),
  fixedText("jwt"),
  fixedText("nkey"),
  fixedText("sig"),
  fixedText("proxy_sig"),
  fixedText("name"),
  fixedText("version"),
  fixedText("account"),
  fixedText("remote_account"),
];

/**
 * What a connection's CONNECT lines have set. Before the first one nats-server's defaults hold, and each line is read
 * onto the values so far (`json.Unmarshal(arg, &c.opts)`).
 */
@unmanaged
@final
export class ConnectOptions {
  verbose: bool = true;
  pedantic: bool = true;
  headers: bool = false;
  /** nats-server may send a further INFO at any time (client.go `ClientProtoInfo`), and does so after its first PONG. */
  takesInfo: bool = false;
  /** What the client's library takes for blanks, by `lang`. */
  blanks: LibraryBlanks = LibraryBlanks.USUAL;
  /** A CONNECT was accepted. */
  received: bool = false;

  /**
   * Reads the JSON of a CONNECT line. Answers false for what Go would not unmarshal into ClientOpts: nats-server then closes
   * without a word. Fields read before the fault are set all the same. The types of `import` and `export`, which mean nothing
   * on a client's connection, are left to nats-server.
   */
  read(pointer: usize, length: i32): bool {
    scanner.reset(pointer, pointer + <usize>length);
    const first = scanner.next();
    if (first == JsonToken.NULL) return this.finish(true);
    if (first != JsonToken.OBJECT_START) return false;
    let rightTypes = true;
    while (true) {
      const token = scanner.next();
      if (token == JsonToken.OBJECT_END) return this.finish(rightTypes);
      if (token != JsonToken.KEY) return false;
      const value = this.readField();
      if (value == Value.BROKEN) return false;
      if (value == Value.WRONG_TYPE) rightTypes = false;
    }
  }

  private finish(rightTypes: bool): bool {
    if (scanner.next() != JsonToken.END || !rightTypes) return false;
    this.received = true;
    return true;
  }

  private readField(): Value {
    for (let i = 0; i < BOOLEANS.length; i++) {
      if (!keyIs(unchecked(BOOLEANS[i]))) continue;
      const value = readValue(JsonToken.TRUE);
      if (value == Value.TAKEN) this.set(i, tokenIsTrue());
      return value;
    }
    for (let i = 0; i < STRINGS.length; i++) {
      if (keyIs(unchecked(STRINGS[i]))) return readValue(JsonToken.STRING);
    }
    if (keyIs(PROTOCOL)) {
      const value = readValue(JsonToken.NUMBER);
      if (value != Value.TAKEN) return value;
      // Neither 0 nor a minus.
      this.takesInfo = <i32>load<u8>(scanner.tokenStart) > Ascii.ZERO;
      return isInteger(scanner.tokenStart, scanner.tokenEnd) ? value : Value.WRONG_TYPE;
    }
    if (keyIs(LANG)) {
      const value = readValue(JsonToken.STRING);
      const start = scanner.tokenStart;
      if (value == Value.TAKEN) this.blanks = blanksOf(start, <i32>(scanner.tokenEnd - start));
      return value;
    }
    return scanner.skipValue() ? Value.TAKEN : Value.BROKEN;
  }

  /** Keeps the field at a place of BOOLEANS. */
  private set(index: i32, value: bool): void {
    if (index == 0) this.verbose = value;
    else if (index == 1) this.pedantic = value;
    else if (index == 2) this.headers = value;
  }
}

import { Ascii } from "../bytes/ascii";
import { isInteger, JsonToken } from "../bytes/json";
import { FieldNames, fieldNames } from "./field-names";
import { atEnd, beginFields, Field, fieldToken, nextField, valueEnd, valueStart } from "./json-fields";
import { blanksOf, LibraryBlanks } from "./library-blanks";

/** The fields that are read, in the order of their names below. Behind LANG are those of which only the type counts. */
const enum ConnectField {
  VERBOSE,
  PEDANTIC,
  HEADERS,
  ECHO,
  TLS_REQUIRED,
  NO_RESPONDERS,
  NEW_ACCOUNT,
  PROTOCOL,
  LANG,
}

/** By their Go type (nats-server client.go `ClientOpts`): booleans, a number, strings. A wrong type ends the connection. */
const NAMES: FieldNames = fieldNames([
  "verbose",
  "pedantic",
  "headers",
  "echo",
  "tls_required",
  "no_responders",
  "new_account",
  "protocol",
  "lang",
  "user",
  "pass",
  "auth_token",
  "jwt",
  "nkey",
  "sig",
  "proxy_sig",
  "name",
  "version",
  "account",
  "remote_account",
]);

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
    const first = beginFields(pointer, length);
    if (first != JsonToken.OBJECT_START) return first == JsonToken.NULL && atEnd() && this.accept();
    let rightTypes = true;
    while (true) {
      const field = nextField(NAMES);
      if (field == Field.END) return rightTypes && this.accept();
      if (field == Field.BROKEN) return false;
      // Go leaves a field as it is for null.
      if (field == Field.OTHER || fieldToken == JsonToken.NULL) continue;
      if (!this.take(field)) rightTypes = false;
    }
  }

  private accept(): bool {
    return (this.received = true);
  }

  /** Takes the value of the field just read. Answers whether it is of the field's type. */
  private take(field: i32): bool {
    if (field <= ConnectField.NEW_ACCOUNT) {
      const on = fieldToken == JsonToken.TRUE;
      if (!on && fieldToken != JsonToken.FALSE) return false;
      if (field == ConnectField.VERBOSE) this.verbose = on;
      else if (field == ConnectField.PEDANTIC) this.pedantic = on;
      else if (field == ConnectField.HEADERS) this.headers = on;
      return true;
    }
    if (field == ConnectField.PROTOCOL) {
      if (fieldToken != JsonToken.NUMBER) return false;
      // Neither 0 nor a minus.
      this.takesInfo = <i32>load<u8>(valueStart) > Ascii.ZERO;
      return isInteger(valueStart, valueEnd);
    }
    if (fieldToken != JsonToken.STRING) return false;
    if (field == ConnectField.LANG) this.blanks = blanksOf(valueStart, <i32>(valueEnd - valueStart));
    return true;
  }
}

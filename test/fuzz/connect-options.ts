import { folded, membersOf } from "./json-members.ts";

/** Fields of CONNECT by their Go type (nats-server client.go `ClientOpts`). `import` and `export` mean nothing here. */
const BOOLEANS = ["echo", "verbose", "pedantic", "tls_required", "new_account", "headers", "no_responders"];
const STRINGS = [
  ...["nkey", "jwt", "sig", "auth_token", "user", "pass", "name", "lang", "version", "account"],
  ...["remote_account", "proxy_sig"],
];
/** Go's int on a 64-bit machine, in the only form that `json.Unmarshal` accepts for one. */
const INTEGER = /^-?(?:0|[1-9]\d*)$/;

/**
 * What nats-server's `processConnect` keeps of a connection's CONNECT lines if no account and no authorization is configured.
 * Written from client.go and encoding/json, independent of the filter's reader.
 */
export class ConnectOptions {
  headers = false;
  #protocol = "0";
  #noResponders = false;

  /** Reads one CONNECT. Returns false if nats-server closes the connection because of it. */
  read(argument: Uint8Array): boolean {
    const text = Buffer.from(argument.buffer, argument.byteOffset, argument.length).toString("utf8");
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      return false;
    }
    if (value !== null && (typeof value !== "object" || Array.isArray(value))) return false;
    let typesFit = true;
    let account = false;
    for (const { key, value: given } of value === null ? [] : membersOf(text)) {
      const name = folded(key);
      if (given === "null") continue;
      if (BOOLEANS.includes(name)) {
        if (given !== "true" && given !== "false") typesFit = false;
        else if (name === "headers") this.headers = given === "true";
        else if (name === "no_responders") this.#noResponders = given === "true";
        else if (name === "new_account") account = given === "true";
      } else if (STRINGS.includes(name)) {
        if (!given.startsWith('"')) typesFit = false;
        else if (name === "account") account = given !== '""';
      } else if (name === "protocol") {
        if (!INTEGER.test(given) || BigInt.asIntN(64, BigInt(given)) !== BigInt(given)) typesFit = false;
        else this.#protocol = String(BigInt(given));
      }
    }
    if (!typesFit || account || (this.#protocol !== "0" && this.#protocol !== "1")) return false;
    return !this.#noResponders || this.headers;
  }
}

import { ConnectOptions } from "../../assembly/nats/connect";
import { LibraryBlanks } from "../../assembly/nats/library-blanks";
import { lengthOf, pointerTo } from "./bytes-support";

const options = new ConnectOptions();

/** What the defaults have become: V, P, H for verbose, pedantic, headers; "closed" if nats-server refuses. */
function after(text: string): string {
  const fresh = new ConnectOptions();
  const taken = fresh.read(pointerTo(text), lengthOf(text));
  const flags = (fresh.verbose ? "V" : "-") + (fresh.pedantic ? "P" : "-") + (fresh.headers ? "H" : "-");
  expect(fresh.received).toBe(taken);
  heap.free(changetype<usize>(fresh));
  return taken ? flags : "closed";
}

function read(text: string): bool {
  return options.read(pointerTo(text), lengthOf(text));
}

// All expectations come from json.Unmarshal onto defaultOpts of nats-server v2.15.2 with Go 1.26.
describe("the fields of CONNECT", () => {
  it("are booleans or null where nats-server has booleans", () => {
    const names = ["verbose", "pedantic", "headers", "echo", "tls_required", "no_responders", "new_account"];
    for (let i = 0; i < names.length; i++) {
      expect(after(`{"${names[i]}":null}`)).toBe("VP-");
      expect(after(`{"${names[i]}":true}`)).toBe(names[i] == "headers" ? "VPH" : "VP-");
      const wrong = ["0", '"true"', "[]", "{}", "[true]"];
      for (let j = 0; j < wrong.length; j++) expect(after(`{"${names[i]}":${wrong[j]}}`)).toBe("closed");
    }
    expect(after('{"verbose":false}')).toBe("-P-");
    expect(after('{"pedantic":false}')).toBe("V--");
    expect(after('{"echo":false,"no_responders":false}')).toBe("VP-");
  });

  it("are strings or null where nats-server has strings", () => {
    const names = ["user", "pass", "auth_token", "jwt", "nkey", "sig", "proxy_sig", "name", "lang", "version"];
    names.push("account");
    names.push("remote_account");
    for (let i = 0; i < names.length; i++) {
      expect(after(`{"${names[i]}":"a"}`)).toBe("VP-");
      expect(after(`{"${names[i]}":null}`)).toBe("VP-");
      const wrong = ["1", "true", "{}", '["a"]'];
      for (let j = 0; j < wrong.length; j++) expect(after(`{"${names[i]}":${wrong[j]}}`)).toBe("closed");
    }
    expect(after('{"user":"\\ud800"}')).toBe("VP-");
  });

  it("tell by lang what the library takes for blanks, as the last CONNECT says", () => {
    const fresh = new ConnectOptions();
    const langs = [
      '"go"',
      '"python3"',
      "null",
      '"ruby3.3.0"',
      '"pytho"',
      '"jruby9.4.8.0"',
      '"rus"',
      '"truffleruby24"',
      '"rust"',
      '"node"',
      '"node2"',
      '"nats.js"',
      '"typescript"',
      '"Tcl"',
    ];
    const usual = LibraryBlanks.USUAL;
    const vertical = LibraryBlanks.VERTICAL;
    const latin = LibraryBlanks.LATIN;
    const blanks = [usual, vertical, vertical, vertical, usual, vertical, usual, vertical, LibraryBlanks.UNICODE];
    blanks.push(latin);
    blanks.push(usual);
    blanks.push(usual);
    blanks.push(latin);
    blanks.push(LibraryBlanks.TCL);
    for (let i = 0; i < langs.length; i++) {
      const text = `{"lang":${langs[i]}}`;
      expect(fresh.read(pointerTo(text), lengthOf(text))).toBe(true);
      expect(fresh.blanks).toBe(blanks[i], text);
    }
    heap.free(changetype<usize>(fresh));
  });

  it("are a 64-bit integer for the protocol", () => {
    const right = ["1", "0", "-0", "-1", "9223372036854775807", "null"];
    for (let i = 0; i < right.length; i++) expect(after(`{"protocol":${right[i]}}`)).toBe("VP-");
    const wrong = ["1.0", "1e0", "9223372036854775808", '"1"', "true", "[1]", "{}"];
    for (let i = 0; i < wrong.length; i++) expect(after(`{"protocol":${wrong[i]}}`)).toBe("closed");
  });

  it("tell by the protocol whether a further INFO is taken, which is so from 1 on (client.go, ClientProtoInfo)", () => {
    const fresh = new ConnectOptions();
    const protocols = ["1", "0", "2", "-0", "12", "-1", "null"];
    const takes = [true, false, true, false, true, false, false];
    for (let i = 0; i < protocols.length; i++) {
      const text = `{"protocol":${protocols[i]}}`;
      expect(fresh.read(pointerTo(text), lengthOf(text))).toBe(true);
      expect(fresh.takesInfo).toBe(takes[i], text);
    }
    heap.free(changetype<usize>(fresh));
  });

  it("are skipped if nats-server does not know them, whatever their value", () => {
    expect(after('{"nonsense":{"a":[1,2,{}]},"verbose":false}')).toBe("-P-");
    expect(after('{"verbos":1,"verbose ":1,"":1}')).toBe("VP-");
    expect(after('{"verbose\u017f":1}')).toBe("VP-");
    expect(after(`{"${"\\u0076".repeat(17)}":1}`)).toBe("VP-");
  });
});

describe("the keys of CONNECT", () => {
  it("are recognised in any case, with escapes, and with the long s and the Kelvin sign", () => {
    const keys = ["VERBOSE", "Verbose", "verbo\u017fe", "verbo\\u017fe", "\\u0076erbose", "\\u0056ERBO\u017fE"];
    for (let i = 0; i < keys.length; i++) expect(after(`{"${keys[i]}":false}`)).toBe("-P-");
    const closing = ["n\u212aey", "n\\u212aey", "NKEY", "tl\u017f_required", "\u017fig", "\\u0072\\u0065mote_account"];
    for (let i = 0; i < closing.length; i++) expect(after(`{"${closing[i]}":1}`)).toBe("closed");
    const longest =
      "\\u0072\\u0065\\u006d\\u006f\\u0074\\u0065\\u005f\\u0061\\u0063\\u0063\\u006f\\u0075\\u006e\\u0074";
    expect(after(`{"${longest}":1}`)).toBe("closed");
  });

  it("are recognised wherever they stand, whatever follows them", () => {
    const keys = ["verbose", "VERBOSE", "verbosE", "verbo\u017fe", "\\u0076erbose"];
    const others = [
      '"A":"ABCDEFGHIJKLMNOP"',
      '"\u212a\u017f\u212a\u017f\u212a\u017f":[]',
      '"name":"a"',
      '"x_y":{"verbose":true}',
    ];
    for (let i = 0; i < keys.length; i++) {
      for (let j = 0; j < others.length; j++) {
        expect(after(`{"${keys[i]}":false,${others[j]}}`)).toBe("-P-");
        expect(after(`{${others[j]},"${keys[i]}":false}`)).toBe("-P-");
        expect(after(`{${others[j]},"${keys[i]}":0,${others[j]}}`)).toBe("closed");
      }
    }
    const unknown = ["[erbose", "verbos@", "verbose_", "verbose_verbose", "verbose_verbose_", "verbose_verbose_v"];
    for (let i = 0; i < unknown.length; i++) expect(after(`{"${unknown[i]}":0,"name":"orders"}`)).toBe("VP-");
  });

  it("are not recognised with bytes that only begin like those signs", () => {
    // In UTF-8 these share the first one or two bytes with U+017F and U+212A.
    expect(after('{"verbo\u0161e":1}')).toBe("VP-");
    expect(after('{"n\u2126ey":1,"n\u2713ey":1}')).toBe("VP-");
    expect(after('{"verbo\u017f":1,"n\u212a":1}')).toBe("VP-");
  });

  it("may come twice, even in another spelling, and the last one counts", () => {
    expect(after('{"verbose":false,"verbose":true}')).toBe("VP-");
    expect(after('{"verbose":true,"VERBOSE":false}')).toBe("-P-");
    expect(after('{"verbose":1,"verbose":true}')).toBe("closed");
  });
});

describe("a CONNECT as a whole", () => {
  it("is one object or null, with blanks around it", () => {
    const right = ["{}", "null", " {} ", "\t{}\r\n", " null "];
    for (let i = 0; i < right.length; i++) expect(after(right[i])).toBe("VP-");
    const wrong = ["", " ", "[]", "1", '""', "true", "{", "{}x", "{} {}", "nullx", "null null"];
    for (let i = 0; i < wrong.length; i++) expect(after(wrong[i])).toBe("closed");
  });

  it("is JSON to its end, before a wrong type and after it", () => {
    const wrong = [
      '{"verbose":[',
      '{"verbose":{"a"',
      '{"verbose":1,',
      '{"nonsense":[1,}',
      '{"verbose":false',
      '{"verbose" false}',
      '{"verbose":tru}',
      '{"verbose":false,}',
      '{"sig":tru}',
      "{1:1}",
    ];
    for (let i = 0; i < wrong.length; i++) expect(after(wrong[i])).toBe("closed");
  });

  it("is merged into the one before it", () => {
    expect(read('{"verbose":false,"headers":true}')).toBe(true);
    expect(read('{"pedantic":false}')).toBe(true);
    expect(options.verbose).toBe(false);
    expect(options.pedantic).toBe(false);
    expect(options.headers).toBe(true);
    expect(read('{"verbose":true,"headers":null}')).toBe(true);
    expect(options.verbose).toBe(true);
    expect(options.pedantic).toBe(false);
    expect(options.headers).toBe(true);
    expect(read("null")).toBe(true);
    expect(options.verbose).toBe(true);
    expect(options.received).toBe(true);
  });
});

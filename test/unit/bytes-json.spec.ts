import { JsonScanner, JsonToken, MAX_DEPTH } from "../../assembly/bytes/json";
import { errorOf, isJson, tokensOf, tokensOfBytes } from "./json-support";

// The verdicts on these texts are those of Go's encoding/json (json.Valid), with which the scanner was compared.
const ACCEPTED: StaticArray<string> = [
  "{}",
  "[]",
  " \t\r\n{ } \t\r\n",
  "[[],[[]],{}]",
  '{"a":{"b":[1,{"c":null}]}}',
  '{"":0}',
  '{"a":1,"a":2}',
  "[0,-0,1,-1,10,123456789012345678901234567890]",
  "[1.5,-1.5,0.5,1e5,1E5,1e+5,1e-5,1.5E-5,1e400]",
  '["",".","\\"\\\\\\/\\b\\f\\n\\r\\t"]',
  '["\\u0000\\u00e9\\u20AC\\ud83d\\ude00"]',
  '["\\ud800","\\udc00","\\ud800\\u0041"]',
  '["é€😀","\u007f","\u2028"]',
  "[true,false,null]",
  "true",
  "null",
  '"text"',
  "-0",
  "0",
];

const REFUSED: StaticArray<string> = [
  "",
  " ",
  "{",
  "[",
  "}",
  "]",
  "[}",
  "{]",
  "[1",
  "[1,",
  "[1,]",
  "[,1]",
  "[,]",
  "[1 2]",
  "[1,,2]",
  "{,}",
  '{"a"}',
  '{"a":}',
  '{"a":1,}',
  '{"a" 1}',
  '{"a":1 "b":2}',
  '{"a":1,,"b":2}',
  "{a:1}",
  "{'a':1}",
  "{1:1}",
  "{null:1}",
  '{"a":1]',
  '{"a"::1}',
  "{}{}",
  "{} x",
  "[]]",
  "1 1",
  "01",
  "-",
  "-a",
  "+1",
  ".5",
  "1.",
  "1.e5",
  "1e",
  "1e+",
  "0x10",
  "1_000",
  "NaN",
  "Infinity",
  "-Infinity",
  "tru",
  "truE",
  "TRUE",
  "nul",
  "nulll",
  "fals",
  '"',
  '"a',
  '"\\"',
  '"\\',
  '"\\x41"',
  '"\\a"',
  '"\\u"',
  '"\\u12"',
  '"\\u12g4"',
  '"\\u123g"',
  '"\\u123"',
  '"\\U00e9"',
  '"a\tb"',
  '"a\nb"',
  '"\u0000"',
  "'a'",
  "[1]\u0000",
  "\u000b[]",
  "\u000c[]",
  "\u00a0[]",
  "\ufeff[]",
  "// c\n[]",
  "[]/**/",
  "[1]//",
];

describe("the JSON scanner", () => {
  it("accepts what Go's encoding/json accepts", () => {
    for (let i = 0; i < ACCEPTED.length; i++) expect(isJson(ACCEPTED[i])).toBe(true, ACCEPTED[i]);
  });

  it("refuses what Go's encoding/json refuses", () => {
    for (let i = 0; i < REFUSED.length; i++) expect(isJson(REFUSED[i])).toBe(false, REFUSED[i]);
  });

  it("refuses every document that ends too early", () => {
    const whole = '{"a":[1.5e3,true,"\\u00e9\\n",{"b":null}],"c":{}}';
    expect(isJson(whole)).toBe(true);
    for (let cut = 0; cut < whole.length; cut++) {
      expect(isJson(whole.substring(0, cut))).toBe(false, whole.substring(0, cut));
    }
  });

  it("names each token once and in order", () => {
    expect(tokensOf('{"a":[1,"x",true,false,null,{}],"b":{"c":[]}}')).toBe("{K[NSTFZ{}]K{K[]}}.");
  });

  it("finds what ends or breaks a string anywhere, however much comes before and after it", () => {
    for (let length = 0; length < 40; length++) {
      for (let at = 0; at <= length; at++) {
        const before = '["' + "a".repeat(at);
        const behind = "a".repeat(length - at) + '"]';
        expect(isJson(before + behind)).toBe(true);
        expect(isJson(before + "\u007f" + behind)).toBe(true);
        expect(isJson(before + " " + behind)).toBe(true);
        // The letter behind it is one that a backslash may stand before.
        expect(isJson(before + "\u001fn" + behind)).toBe(false);
        expect(isJson(before + "\\n" + behind)).toBe(true);
        expect(isJson(before + "\u0000" + behind)).toBe(false);
        expect(isJson(before + "\u001f" + behind)).toBe(false);
        expect(isJson(before + '\\"' + behind)).toBe(true);
        expect(isJson(before + '"' + behind)).toBe(false);
      }
    }
  });

  it("tolerates bytes within a string that are not UTF-8, as Go does", () => {
    const bytes = new ArrayBuffer(4);
    store<u32>(changetype<usize>(bytes), 0x22ff8022);
    expect(tokensOfBytes(bytes)).toBe("S.");
  });

  it("reads 10,000 levels and refuses the next one, as Go does", () => {
    expect(isJson("[".repeat(MAX_DEPTH) + "]".repeat(MAX_DEPTH))).toBe(true);
    expect(isJson("[".repeat(MAX_DEPTH + 1) + "]".repeat(MAX_DEPTH + 1))).toBe(false);
    expect(isJson('{"a":'.repeat(MAX_DEPTH) + "1" + "}".repeat(MAX_DEPTH))).toBe(true);
    expect(errorOf("[".repeat(MAX_DEPTH + 1))).toBe("nested deeper than 10000 levels, found '[' at byte 10000");
  });

  it("distinguishes objects from lists at every level that it has left and entered again", () => {
    expect(tokensOf('[{"a":[{"b":1},[{"c":[]}]]},{}]')).toBe("[{K[{KN}[{K[]}]]}{}].");
    expect(isJson('[{"a":[{"b":1},[{"c":[}]]]},{}]')).toBe(false);
  });

  it("distinguishes objects from lists at each of two hundred levels, whatever lies between them", () => {
    let state: u32 = 12345;
    let opens = "";
    let closes = "";
    for (let level = 0; level < 200; level++) {
      state = state * 1664525 + 1013904223;
      const isObject = state >> 31 != 0;
      opens += isObject ? '{"a":' : "[";
      closes = (isObject ? "}" : "]") + closes;
    }
    expect(isJson(opens + "1" + closes)).toBe(true);
    for (let at = 0; at < closes.length; at++) {
      const other = closes.charAt(at) == "}" ? "]" : "}";
      assert(!isJson(opens + "1" + closes.substring(0, at) + other + closes.substring(at + 1)), `${at}`);
    }
  });

  it("says what it expected, what it found and where", () => {
    expect(errorOf('{"a" 1}')).toBe("expected ':' after the key, found '1' at byte 5");
    expect(errorOf('{"a":1 "b"}')).toBe("expected ',' or '}', found '\"' at byte 7");
    expect(errorOf("[1 2]")).toBe("expected ',' or ']', found '2' at byte 3");
    expect(errorOf("[1,]")).toBe("expected a value, found ']' at byte 3");
    expect(errorOf("{a:1}")).toBe("expected a key in double quotes, found 'a' at byte 1");
    expect(errorOf("{} {}")).toBe("expected nothing more after the document, found '{' at byte 3");
    expect(errorOf("trux")).toBe("expected true, false or null, found 'x' at byte 3");
    expect(errorOf("1.x")).toBe("expected a digit in the number, found 'x' at byte 2");
    expect(errorOf('"\\q"')).toBe("expected an escape that JSON knows, found 'q' at byte 2");
    expect(errorOf('"\t"')).toBe("a control character in a string must be escaped, found 0x09 at byte 1");
    expect(errorOf('"abc')).toBe("expected '\"' to end the string, found the end of the text at byte 4");
    expect(errorOf("")).toBe("expected a value, found the end of the text at byte 0");
    expect(errorOf("[]")).toBe("");
  });

  it("shows what it found as a character only if that is printable ASCII", () => {
    expect(errorOf("tr ")).toBe("expected true, false or null, found ' ' at byte 2");
    expect(errorOf("tr~")).toBe("expected true, false or null, found '~' at byte 2");
    expect(errorOf("tr\u001f")).toBe("expected true, false or null, found 0x1f at byte 2");
    expect(errorOf("tr\u007f")).toBe("expected true, false or null, found 0x7f at byte 2");
    expect(errorOf("tré")).toBe("expected true, false or null, found 0xc3 at byte 2");
  });
});

const scanner = new JsonScanner();

/** Passes over one whole value, as readers do. False where none comes, or the document is broken. */
function passOver(): bool {
  const token = scanner.next();
  const isContainer = token == JsonToken.OBJECT_START || token == JsonToken.ARRAY_START;
  return isContainer ? scanner.skipContainer() : token >= JsonToken.STRING;
}

function begin(text: ArrayBuffer): void {
  const start = changetype<usize>(text);
  scanner.reset(start, start + <usize>text.byteLength);
}

function tokenText(): string {
  return String.UTF8.decodeUnsafe(scanner.tokenStart, scanner.tokenEnd - scanner.tokenStart);
}

describe("the tokens of the JSON scanner", () => {
  it("lie within the quotes of keys and strings, and say whether they have escapes", () => {
    const text = String.UTF8.encode(' { "key" : "va\\u006cue" , "k\\n":"" } ');
    begin(text);
    expect(scanner.next()).toBe(JsonToken.OBJECT_START);
    expect(scanner.next()).toBe(JsonToken.KEY);
    expect(tokenText()).toBe("key");
    expect(scanner.hasEscapes).toBe(false);
    expect(scanner.next()).toBe(JsonToken.STRING);
    expect(tokenText()).toBe("va\\u006cue");
    expect(scanner.hasEscapes).toBe(true);
    expect(scanner.next()).toBe(JsonToken.KEY);
    expect(tokenText()).toBe("k\\n");
    expect(scanner.next()).toBe(JsonToken.STRING);
    expect(tokenText()).toBe("");
    expect(scanner.hasEscapes).toBe(false);
    expect(scanner.next()).toBe(JsonToken.OBJECT_END);
    expect(scanner.next()).toBe(JsonToken.END);
    // Asked again, too.
    expect(scanner.next()).toBe(JsonToken.END);
  });

  it("hold numbers and words as they are written", () => {
    const text = String.UTF8.encode("[ -1.50e+2 ,true]");
    begin(text);
    expect(scanner.next()).toBe(JsonToken.ARRAY_START);
    expect(scanner.next()).toBe(JsonToken.NUMBER);
    expect(tokenText()).toBe("-1.50e+2");
    expect(scanner.next()).toBe(JsonToken.TRUE);
    expect(tokenText()).toBe("true");
  });

  it("of a document have no error of the one before", () => {
    const broken = String.UTF8.encode("[1 2]");
    begin(broken);
    while (scanner.next() != JsonToken.ERROR) expect(scanner.errorOffset).toBe(-1);
    expect(scanner.errorOffset).toBe(3);
    const whole = String.UTF8.encode("[1]");
    begin(whole);
    expect(scanner.errorOffset).toBe(-1);
    expect(scanner.errorText()).toBe("");
    while (scanner.next() != JsonToken.END) expect(scanner.errorOffset).toBe(-1);
  });

  it("are read no further than the given end", () => {
    const text = String.UTF8.encode("12345");
    const start = changetype<usize>(text);
    scanner.reset(start, start + 3);
    expect(scanner.next()).toBe(JsonToken.NUMBER);
    expect(tokenText()).toBe("123");
    expect(scanner.next()).toBe(JsonToken.END);
    scanner.reset(start, start);
    expect(scanner.next()).toBe(JsonToken.ERROR);
  });

  it("are read no further than the given end, wherever that lies within a string", () => {
    const text = String.UTF8.encode('"' + "a".repeat(60));
    const start = changetype<usize>(text);
    for (let length = 0; length < 40; length++) {
      scanner.reset(start, start + 1 + <usize>length);
      expect(scanner.next()).toBe(JsonToken.ERROR);
      expect(scanner.errorOffset).toBe(1 + length);
    }
  });
});

describe("skipping a value", () => {
  it("passes over the value of the key just read, whatever it is", () => {
    const text = String.UTF8.encode('{"a":{"x":[1,{"y":2}]},"b":[[]],"c":"s","d":1}');
    begin(text);
    scanner.next();
    let keys = "";
    while (scanner.next() == JsonToken.KEY) {
      keys += tokenText();
      expect(passOver()).toBe(true);
    }
    expect(keys).toBe("abcd");
    expect(scanner.next()).toBe(JsonToken.END);
  });

  it("passes over the rest of a list or an object that was entered", () => {
    const text = String.UTF8.encode('[[1,{"a":[2]},3],4]');
    begin(text);
    scanner.next();
    scanner.next();
    scanner.next();
    expect(scanner.skipContainer()).toBe(true);
    expect(scanner.next()).toBe(JsonToken.NUMBER);
    expect(tokenText()).toBe("4");
  });

  it("is refused if no value comes", () => {
    const text = String.UTF8.encode("[]");
    begin(text);
    expect(scanner.skipContainer()).toBe(false);
    scanner.next();
    expect(passOver()).toBe(false);
    expect(scanner.next()).toBe(JsonToken.END);
    expect(passOver()).toBe(false);
  });

  it("is refused in a document that breaks within the value", () => {
    const text = String.UTF8.encode('{"a":[1,{"b":}]}');
    begin(text);
    scanner.next();
    scanner.next();
    expect(passOver()).toBe(false);
    expect(scanner.next()).toBe(JsonToken.ERROR);
  });

  it("needs no stack for 10,000 levels", () => {
    const text = String.UTF8.encode("[".repeat(MAX_DEPTH) + "]".repeat(MAX_DEPTH));
    begin(text);
    expect(passOver()).toBe(true);
    expect(scanner.next()).toBe(JsonToken.END);
  });
});

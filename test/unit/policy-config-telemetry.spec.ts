import { expectFault, faultsOf, read, textOf, withKeys } from "./policy-support";

function telemetry(keys: string): string {
  return withKeys(`"telemetry":{${keys}}`);
}

function subjects(list: string): string {
  return telemetry(`"subjects":[${list}]`);
}

describe("telemetry in a configuration", () => {
  it("has no classes, 512 principals and 16,384 requests of ten seconds by default", () => {
    const settings = read(withKeys('"mode":"ENFORCE"')).telemetry;
    expect(settings.subjects.length).toBe(0);
    expect(settings.principals).toBe(512);
    expect(settings.requests).toBe(16_384);
    expect(settings.requestTimeout).toBe(10_000);
  });

  it("is read with its classes in order", () => {
    const text = telemetry(
      '"subjects":[{"name":"a-1","patterns":["x.>","y"]},{"name":"b_2","patterns":["*"]}],' +
        '"principals":7,"requests":0,"requestTimeout":"250ms"',
    );
    expect(faultsOf(text)).toBe("");
    const settings = read(text).telemetry;
    expect(settings.subjects.length).toBe(2);
    expect(settings.subjects[0].name).toBe("a-1");
    expect(textOf(settings.subjects[0].patterns[1])).toBe("y");
    expect(settings.subjects[1].name).toBe("b_2");
    expect(settings.principals).toBe(7);
    expect(settings.requests).toBe(0);
    expect(settings.requestTimeout).toBe(250);
  });
});

describe("the bounds of telemetry", () => {
  it("are taken themselves", () => {
    const least = telemetry('"principals":1,"requests":0,"requestTimeout":"1ms"');
    expect(faultsOf(least)).toBe("");
    expect(read(least).telemetry.requestTimeout).toBe(1);
    const most = telemetry('"principals":4096,"requests":1048576,"requestTimeout":"1h"');
    expect(faultsOf(most)).toBe("");
    expect(read(most).telemetry.requestTimeout).toBe(3_600_000);
    expect(faultsOf(subjects(`{"name":"${"n".repeat(64)}","patterns":["x"]}`))).toBe("");
  });

  it("are not passed", () => {
    const principals = "is outside of 1 to 4096: write a whole number of principals within them";
    const requests = "is outside of 0 to 1048576: write a whole number of requests within them";
    const timeout = "is outside of 1ms to 1h: write a duration within them";
    expectFault(telemetry('"principals":0'), `telemetry.principals: 0 ${principals}`);
    expectFault(telemetry('"principals":4097'), `telemetry.principals: 4097 ${principals}`);
    expectFault(telemetry('"requests":-1'), `telemetry.requests: -1 ${requests}`);
    expectFault(telemetry('"requests":1048577'), `telemetry.requests: 1048577 ${requests}`);
    expectFault(telemetry('"requestTimeout":"999us"'), `telemetry.requestTimeout: "999us" ${timeout}`);
    expectFault(telemetry('"requestTimeout":"1h1ms"'), `telemetry.requestTimeout: "1h1ms" ${timeout}`);
  });
});

describe("the faults of telemetry", () => {
  it("include names that cannot be in a label", () => {
    const names = ["a;.;b", "a=.=b", "a.b", "a b", "\\u00e9"];
    for (let i = 0; i < names.length; i++) {
      const fault = faultsOf(subjects(`{"name":"${names[i]}","patterns":["x"]}`));
      expect(fault.includes("telemetry.subjects[0].name: ")).toBe(true);
      expect(fault.includes("use letters, digits, '-' and '_'")).toBe(true);
    }
    const long = "n".repeat(65);
    expectFault(
      subjects(`{"name":"${long}","patterns":["x"]}`),
      `telemetry.subjects[0].name: "${long}" is 65 characters long: use at most 64`,
    );
  });

  it("include missing, empty and duplicate names and patterns", () => {
    expectFault(
      subjects('{"patterns":["x"]}'),
      "telemetry.subjects[0].name: is missing: write what stats shall call the class",
    );
    expectFault(
      subjects('{"name":"a"}'),
      'telemetry.subjects[0].patterns: is missing: write subjects such as ["orders.>"]',
    );
    expectFault(
      subjects('{"name":"a","patterns":[]}'),
      'telemetry.subjects[0].patterns: is empty: write subjects such as ["orders.>"]',
    );
    expectFault(
      subjects('{"name":"a","patterns":["x"]},{"name":"a","patterns":["x"]}'),
      'telemetry.subjects[1].name: "a" is the name of subjects[0] already: write its patterns there\n' +
        'telemetry.subjects[1].patterns[0]: "x": is in subjects[0] already, which counts: remove one of them',
    );
  });

  it("name the class that has the name or the pattern already", () => {
    expectFault(
      subjects('{"name":"a","patterns":["x"]},{"name":"b","patterns":["y"]},{"name":"b","patterns":["y"]}'),
      'telemetry.subjects[2].name: "b" is the name of subjects[1] already: write its patterns there\n' +
        'telemetry.subjects[2].patterns[0]: "y": is in subjects[1] already, which counts: remove one of them',
    );
  });

  it("include patterns that are not subjects", () => {
    expectFault(
      subjects('{"name":"a","patterns":["a.>.b","a..b","a b"]}'),
      "telemetry.subjects[0].patterns[0]: \"a.>.b\": '>' must be the last token\n" +
        "telemetry.subjects[0].patterns[1]: \"a..b\": a token is empty: write something on both sides of each '.'\n" +
        'telemetry.subjects[0].patterns[2]: "a b": a subject has no blank: remove it',
    );
  });

  it("include more than 64 classes, and more than 1,024 patterns", () => {
    const classes: string[] = [];
    for (let i = 0; i < 64; i++) classes.push(`{"name":"c${i}","patterns":["x.${i}"]}`);
    expect(faultsOf(subjects(classes.join(",")))).toBe("");
    classes.push('{"name":"more","patterns":["more"]}');
    expectFault(subjects(classes.join(",")), "telemetry.subjects[64]: one class too many: keep at most 64");
    classes.push('{"name":"yet-more","patterns":["a..b"]}');
    // Those behind it are passed over, and what follows the list is read.
    expectFault(
      telemetry(`"subjects":[${classes.join(",")}],"principals":0`),
      "telemetry.subjects[64]: one class too many: keep at most 64\n" +
        "telemetry.principals: 0 is outside of 1 to 4096: write a whole number of principals within them",
    );

    const patterns: string[] = [];
    for (let i = 0; i < 1024; i++) patterns.push(`"x.${i}"`);
    expect(faultsOf(subjects(`{"name":"a","patterns":[${patterns.join(",")}]}`))).toBe("");
    patterns.push('"more"');
    expectFault(
      subjects(`{"name":"a","patterns":[${patterns.join(",")}]}`),
      'telemetry.subjects[0].patterns[1024]: "more": one pattern too many: keep at most 1024',
    );
  });

  it("include invalid durations, and durations beyond 1ms to 1h", () => {
    expectFault(
      telemetry('"requestTimeout":"soon"'),
      'telemetry.requestTimeout: "soon" is no duration: write a number and a unit, as 5s, 250ms or 1m',
    );
    expectFault(
      telemetry('"requestTimeout":"2h"'),
      'telemetry.requestTimeout: "2h" is outside of 1ms to 1h: write a duration within them',
    );
  });

  it("include unknown keys", () => {
    expectFault(telemetry('"subject":[]'), "telemetry.subject: unknown key: did you mean subjects?");
    expectFault(
      subjects('{"name":"a","pattern":["x"]}'),
      "telemetry.subjects[0].pattern: unknown key: did you mean patterns?\n" +
        'telemetry.subjects[0].patterns: is missing: write subjects such as ["orders.>"]',
    );
  });
});

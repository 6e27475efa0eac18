import { hidesControlStatus } from "../../assembly/nats/control-status";
import { HeaderUse } from "../../assembly/nats/header-uses";
import { headerFields } from "../../assembly/nats/headers";
import { lengthOf, pointerTo } from "./bytes-support";

/** Is the status 100 read in the block, behind which more bytes follow? */
function isControl(block: string, behind: string = "Status: 100\r\n\r\n"): bool {
  const pointer = pointerTo(block + behind);
  if (hidesControlStatus(pointer, lengthOf(block))) return true;
  headerFields.begin(pointer, lengthOf(block));
  return headerFields.next() == HeaderUse.OF_THE_SERVER;
}

describe("the status 100 in a header block", () => {
  it("is found wherever its line begins", () => {
    for (let before = 0; before < 50; before++) {
      const block = "NATS/1.0\r\nA: " + "a".repeat(before);
      expect(isControl(block + "\r\nStatus: 100\r\n\r\n")).toBe(true, `behind ${before}`);
      expect(isControl(block + "\nStatus: 100\n\r\n")).toBe(true, `behind ${before}`);
      expect(isControl(block + "\r \tStatus\t: 100")).toBe(true, `behind ${before}`);
      expect(isControl(block + " Status: 100\r\n\r\n")).toBe(false, `behind ${before}`);
      expect(isControl(block + "S\r\nS\r\n Stat\r\nStatus\r\n\r\n")).toBe(false, `behind ${before}`);
    }
  });

  it("has a colon behind its name", () => {
    const block = "NATS/1.0\r\nStatus#100\r\n\r\n";
    expect(isControl(block)).toBe(false);
    expect(isControl(block.replace("#", ":"))).toBe(true);
  });

  it("is not made of bytes behind the block", () => {
    const whole = "NATS/1.0\r\nA: b\r\nStatus: 100";
    for (let length = 0; length < whole.length; length++) {
      expect(isControl(whole.substring(0, length), whole.substring(length) + "\r\n")).toBe(false, `${length}`);
    }
    expect(isControl(whole, "x")).toBe(true);
    for (let length = 0; length < 12; length++) {
      expect(isControl("NATS/1.0 100".substring(0, length), "NATS/1.0 100".substring(length))).toBe(false, `${length}`);
    }
  });

  it("is found in the first line behind the version, also when JetStream has taken a status away up to the first CR", () => {
    const controls: StaticArray<string> = [
      "NATS/1.0 100",
      "NATS/1.0100",
      "NATS/1.0\t\r 1000",
      "NATS/1.0\u00a0100",
      "NATS/1.0 x\r 100",
      "NATS/1.0x\n\r100",
    ];
    for (let i = 0; i < controls.length; i++) expect(isControl(controls[i], "")).toBe(true, controls[i]);
    const others: StaticArray<string> = [
      "NATS/1.0 503",
      "NATS/1.0\n100",
      "NATS/1.0 x100",
      "NATS/1.0 10",
      "NATS/1.0 200 OK\r\nLength: 100",
      "NATS/1.0 x\r\n100",
      "NATS/1.0 x\ry\r100",
    ];
    for (let i = 0; i < others.length; i++) expect(isControl(others[i], "")).toBe(false, others[i]);
  });

  it("is found wherever it stands if the first line is not the version alone", () => {
    expect(isControl("NATS/1.0 x\r.Status: 100", "")).toBe(true);
    expect(isControl("NATS/1.0 503\r\nA: Status :100", "")).toBe(true);
    expect(isControl("NATS/1.0 503\r\nA: Status: 101", "")).toBe(false);
    expect(isControl("NATS/1.0 503\r\nA: Status: 10", "0")).toBe(false);
  });

  it("is not found where there are no headers", () => {
    const wholes: StaticArray<string> = ["Status: 100", " 100", "\r100", "-Stalled: a", "NATS/1.0 100"];
    for (let i = 0; i < wholes.length; i++) expect(isControl("", wholes[i])).toBe(false, wholes[i]);
  });

  it("is the end of the name by which jnats reads where to publish, if the first line is not the version alone", () => {
    const whole = "NATS/1.0 404\r\nNats_Consumer-Stalled : a";
    expect(isControl(whole, "")).toBe(true);
    expect(isControl("NATS/1.0 -Stalled", "")).toBe(true);
    expect(isControl("NATS/1.0\r\nNats_Consumer-Stalled: a", "")).toBe(false);
    for (let length = 0; length < whole.indexOf(" :"); length++) {
      expect(isControl(whole.substring(0, length), whole.substring(length))).toBe(false, `${length}`);
    }
  });
});

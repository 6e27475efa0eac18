import { ServerInfo } from "../../assembly/nats/info";
import { Bytes } from "./latin1-support";

const info = new ServerInfo();

function read(text: string): bool {
  const bytes = new Bytes(text);
  return info.read(bytes.pointer, bytes.length, true, true);
}

function isUntested(version: string): bool {
  expect(read('{"version":"' + version + '"}')).toBe(true);
  return !info.isTested;
}

describe("INFO", () => {
  it("has max_payload, client_id, headers, auth_required, tls_required and connect_info", () => {
    expect(
      read(
        '{"server_id":"N","max_payload":1048576,"client_id":18446744,"headers":true,"auth_required":true,"tls_required":true,"connect_info":true}',
      ),
    ).toBe(true);
    expect(info.maxPayload).toBe(1048576);
    expect(info.clientId).toBe(18446744);
    expect(info.headers).toBe(true);
    expect(info.authRequired).toBe(true);
    expect(info.tlsRequired).toBe(true);
    expect(info.connectInfo).toBe(true);
  });

  it("sets to zero what it does not contain, whatever an earlier one contained", () => {
    read(
      '{"max_payload":5,"client_id":5,"headers":true,"auth_required":true,"tls_required":true,"tls_available":true,"connect_info":true}',
    );
    expect(info.tlsAvailable).toBe(true);
    expect(read("{}")).toBe(true);
    expect(info.maxPayload).toBe(0);
    expect(info.clientId).toBe(0);
    const any = info.headers || info.authRequired || info.tlsRequired || info.tlsAvailable || info.connectInfo;
    expect(any).toBe(false);
  });

  it("takes a negative max_payload for none, as nats-server means it by -1", () => {
    expect(read('{"max_payload":-1}')).toBe(true);
    expect(info.maxPayload).toBe(i32.MAX_VALUE);
  });

  it("keeps numbers within their bounds, and ignores values of other types", () => {
    expect(read('{"max_payload":99999999999,"client_id":-5}')).toBe(true);
    expect(info.maxPayload).toBe(i32.MAX_VALUE);
    expect(info.clientId).toBe(0);
    expect(read('{"headers":1,"client_id":"x","connect_info":null}')).toBe(true);
    expect(info.headers).toBe(false);
    expect(read('{"max_payload":1.5,"version":7}')).toBe(true);
    expect(info.maxPayload).toBe(0);
  });

  it("has nothing cut out of it if it has no unwanted field, whatever an earlier one had", () => {
    expect(read('{"tls_verify":true,"headers":true}')).toBe(true);
    expect(info.cutCount).toBe(1);
    expect(read('{"headers":true}')).toBe(true);
    expect(info.cutCount).toBe(0);
    expect(read('{"headers":true,"tls_verify":true}')).toBe(true);
    expect(info.cutCount).toBe(1);
  });

  it("is not read if it is not a JSON object", () => {
    const wrong = ["", "[]", "{", '{"a"', "{}{}", "null", '{"max_payload":}', '{"headers":tru}'];
    for (let i = 0; i < wrong.length; i++) expect(read(wrong[i])).toBe(false);
  });

  it("distinguishes versions that the filter has been tested with from all others", () => {
    const tested = ["2.10.0", "2.15.2", "2.12.1-beta"];
    for (let i = 0; i < tested.length; i++) expect(isUntested(tested[i])).toBe(false);
    const others = ["2.9.25", "2.16.0", "3.10.0", "2.150.1", "1.4.1", "", "2.1x.0", "2.:.0", "2.10", "22.10.1"];
    for (let i = 0; i < others.length; i++) expect(isUntested(others[i])).toBe(true);
    expect(read("{}")).toBe(true);
    expect(info.isTested).toBe(false);
  });
});

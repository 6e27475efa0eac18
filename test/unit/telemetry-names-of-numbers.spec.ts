import { SERVER_ERROR_COUNT, SERVER_ERROR_NAMES } from "../../assembly/nats/server-errors";
import { Reason, REASON_NAMES } from "../../assembly/policy/reason";
import { NO_SUBJECT, OTHER_CLASS } from "../../assembly/policy/subject-classes";
import { Names } from "../../assembly/telemetry/names";
import { OPERATION_COUNT, OPERATION_NAMES } from "../../assembly/telemetry/operations";
import {
  PROTOCOL_ERROR_COUNT,
  PROTOCOL_ERROR_NAMES,
  PROTOCOL_ERROR_REMEDIES,
} from "../../assembly/telemetry/protocol-error";

/** A number without a name would be read from beyond a table, and one too many would belong to the next series (series.ts). */
describe("each number that stats are made of", () => {
  it("has a name, and each error a remedy", () => {
    expect(OPERATION_NAMES.length).toBe(OPERATION_COUNT);
    expect(PROTOCOL_ERROR_NAMES.length).toBe(PROTOCOL_ERROR_COUNT);
    expect(PROTOCOL_ERROR_REMEDIES.length).toBe(PROTOCOL_ERROR_COUNT);
    expect(SERVER_ERROR_NAMES.length).toBe(SERVER_ERROR_COUNT);
    expect(REASON_NAMES.length).toBe(Reason.REVOKED + 1);
  });

  it("is called `other` for subjects of no class, and `unknown` for operations without a subject", () => {
    const names = new Names(8);
    expect(names.at(OTHER_CLASS)).toBe("other");
    expect(names.at(NO_SUBJECT)).toBe("unknown");
  });
});

describe("the names that a configuration gives", () => {
  it("keep their numbers, and are `other` beyond the bound", () => {
    const names = new Names(4);
    const orders = names.of("orders");
    const bills = names.of("bills");
    expect(names.of("more")).toBe(OTHER_CLASS);
    expect(names.of("orders")).toBe(orders);
    expect(names.of("bills")).toBe(bills);
    expect(names.at(orders) + " " + names.at(bills)).toBe("orders bills");
  });
});

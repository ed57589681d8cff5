import { expect } from "chai";
import { ProtocolError, type ProtocolErrorCode } from "../../../executor/protocol/protocolError";

/** Asserts that a call is refused by the rule with this code. */
export function expectCode(call: () => unknown, code: ProtocolErrorCode): void {
  expect(codeOrValue(call)).to.equal(code);
}

/** The code of the rule that refuses, or undefined where the call passes. Anything but a ProtocolError is a bug. */
export function codeOrValue(call: () => unknown): string | undefined {
  try {
    call();
    return undefined;
  } catch (error) {
    if (error instanceof ProtocolError) return error.code;
    throw error;
  }
}

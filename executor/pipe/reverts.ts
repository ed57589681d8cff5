import { Interface } from "ethers";
import type { HexBytes } from "../domain/ids";
import { HUB_ABI } from "../protocol/generated/abi";

const KNOWN = new Interface([
  "error Error(string reason)",
  "error Panic(uint256 code)",
  ...HUB_ABI.filter((fragment) => fragment.startsWith("error ")),
]);

/** Revert data for people and programs: the bytes themselves, and in words what can be read of them. */
export function revertContext(data: HexBytes): { readonly data: HexBytes; readonly reason: string } {
  return { data, reason: reasonOf(data) };
}

function reasonOf(data: HexBytes): string {
  if (data === "0x") return "reverted without a reason";
  try {
    const error = KNOWN.parseError(data);
    if (error === null) return `reverted with the custom error ${data.slice(0, 10)}`;
    const args = error.args.map((arg: unknown) => (typeof arg === "object" ? "…" : String(arg))).join(", ");
    return error.name === "Error" ? args : `${error.name}(${args})`;
  } catch {
    return `reverted with the custom error ${data.slice(0, 10)}`;
  }
}

import { SetupError } from "./setupError.mjs";

/** The oldest Node that the pinned Hardhat, mocha and onnxruntime were run on; package.json says the same in `engines`. */
export const OLDEST_NODE = [20, 20];

/**
 * True if `version` ("20.20.1" or "v20.20.1") is one that Assay runs on.
 * @param {string} version
 */
export function isNodeSupported(version) {
  const match = /^v?(\d+)\.(\d+)\./.exec(version);
  if (match === null) return false;
  const [major, minor] = [Number(match[1]), Number(match[2])];
  return major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1]);
}

/** @throws {SetupError} when this Node is too old to go on */
export function checkNode(version = process.version) {
  if (isNodeSupported(version)) return;
  throw new SetupError({
    message: `Assay needs Node ${OLDEST_NODE.join(".")} or newer, and this is ${version}.`,
    hint: "install Node 20.20, 22 or 24 (https://nodejs.org) and run the same command again.",
  });
}

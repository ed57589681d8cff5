import { Socket } from "node:net";
import { FrameReader } from "../../../protocol/frames";
import { toFrame } from "../messages";
import { writeFrame } from "../writeFrame";
import { SignerCore } from "./core";
import { Keccak } from "./hashing";
import { EnclaveKeys } from "./keys";
import { processRunners } from "./processRunner";
import { selfTests } from "./selfTests";

const CHANNEL_FD = 3;

/**
 * Entry of the signer: `node signer.js <node> <node flags, comma-separated> <runner.js> <onnxruntime binding> <koffi>`,
 * fd 3 its socket to the supervisor. When that closes, the enclave ends: keys do not outlive whoever answers for them.
 */
async function main(): Promise<void> {
  const [nodePath, flags, runnerPath, onnxruntimePath, koffiPath] = process.argv.slice(2);
  if (
    nodePath === undefined ||
    flags === undefined ||
    runnerPath === undefined ||
    onnxruntimePath === undefined ||
    koffiPath === undefined
  ) {
    throw new Error("five arguments are needed");
  }
  const socket = new Socket({ fd: CHANNEL_FD, readable: true, writable: true });
  const factory = processRunners({
    nodePath,
    nodeFlags: flags.split(",").filter((flag) => flag !== ""),
    runnerPath,
    onnxruntimePath,
    koffiPath,
  });
  const core = new SignerCore({
    factory,
    keccak: await Keccak.create(),
    keys: await EnclaveKeys.create(),
    send: (frame) => writeFrame(socket, frame),
  });
  const reader = new FrameReader();
  socket.on("data", (chunk: Buffer) => {
    // A supervisor that breaks the protocol ends its own enclave; the error tells which rule.
    for (const frame of reader.push(chunk)) core.handle(frame);
  });
  const end = (): void => process.exit(0);
  socket.on("end", end);
  socket.on("error", end);
  socket.on("close", end);
  writeFrame(socket, toFrame("hello", { node: process.version, tests: await selfTests() }));
}

main().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});

import type { Launcher } from "../../../../executor/enclave/sandbox/launcher";
import { startEnclave } from "../../../../executor/enclave/supervisor";
import { enclaveConfig, floats, requestId, task } from "./enclave";
import { endlessModel } from "./onnx";

/** A daemon to be killed: starts an enclave, gives it a run that never ends, says so, and waits. */
async function main(): Promise<void> {
  const launcher = process.argv[2] as Launcher["name"];
  const enclave = await startEnclave(enclaveConfig({ launcher, limits: { runTimeoutMs: 600_000 } }));
  const model = endlessModel();
  await enclave.run(task(model, { requestId: requestId(1), input: floats([-1]) }), model);
  void enclave.run(task(model, { requestId: requestId(2), input: floats([1]) }), model);
  await enclave.status();
  process.stdout.write("running\n");
}

main().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});

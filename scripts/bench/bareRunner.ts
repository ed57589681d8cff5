import { OnnxRuntime } from "../../executor/enclave/image/runner/onnxruntime";
import { hostPath, INSIDE, locateImage } from "../../executor/enclave/sandbox/image";
import { DType } from "../../executor/protocol/tensorType";
import { tensorFrom } from "../../executor/protocol/tensorValues";
import { imageModel } from "./enclave";

/** A process with the model and bare onnxruntime, for `pipe.parallelCeiling`: says when it is ready, runs it as often as it is told, and says when it has. */
if (require.main === module) {
  process.env.ORT_DISABLE_TELEMETRY = "1";
  const loaded = new OnnxRuntime(hostPath(locateImage(), INSIDE.onnxruntime)).load(
    imageModel(Number(process.argv[2]), "seed"),
  );
  const input = [{ name: "x", tensor: tensorFrom({ dtype: DType.float, dims: [1], values: [0.5] }) }];
  for (let i = 0; i < 3; i++) loaded.run(input);
  process.on("message", (runs: number) => {
    for (let i = 0; i < runs; i++) loaded.run(input);
    process.send?.("done");
  });
  process.on("disconnect", () => process.exit());
  process.send?.("ready");
}

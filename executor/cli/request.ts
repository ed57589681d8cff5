import { readCompact } from "../conformance/cases";
import { AssayError } from "../domain/errors";
import { refusalName } from "../protocol/statement";
import type { Tensor } from "../protocol/tensor";
import type { NamedTensor } from "../protocol/tensorSet";
import { DType, dtypeName } from "../protocol/tensorType";
import { elementsOf, numbersOf } from "../protocol/tensorValues";
import { type CliCommand, EXIT } from "./command";
import { type ChainOptions, withChain } from "./connect";
import { readInput, say, sayJson } from "./output";
import { type PayerOptions, payingClient, weiOf, whole, withPayer } from "./payer";

interface RequestOptions extends ChainOptions, PayerOptions {
  readonly rewardWei: string;
  readonly minTrust: string;
  readonly timeoutSeconds: string;
  readonly set: string;
}

function shown({ name, tensor }: NamedTensor): {
  name: string;
  dtype: string;
  dims: readonly number[];
  values: readonly (number | string)[];
} {
  return { name, dtype: dtypeName(tensor.dtype), dims: tensor.dims, values: valuesOf(tensor) };
}

/** Numbers, and text where a number of JavaScript would be another one. */
function valuesOf(tensor: Tensor): readonly (number | string)[] {
  if (tensor.dtype === DType.string) return tensor.strings;
  if (tensor.dtype !== DType.int64 && tensor.dtype !== DType.uint64) return numbersOf(tensor);
  return Array.from(elementsOf(tensor.dtype, tensor), (value) =>
    Number.isSafeInteger(Number(value)) ? Number(value) : value.toString(),
  );
}

/** `assay request`: asks a model and prints the answer, checked again from chain data. */
export const requestCommand: CliCommand = {
  define: (program, done) => {
    withPayer(
      withChain(
        program
          .command("request")
          .description("ask a model, wait, and print the answer with its verification")
          .argument("<model>", "sha-256 of the ONNX file, 0x and 64 hex digits")
          .argument("<input>", "JSON file: {sets: [{inputs: [{name, dtype, dims, b64}], outputs: []}]}"),
      )
        .requiredOption("--reward-wei <wei>", "escrowed for whoever answers (assay quote)")
        .option("--set <n>", "which set of the file", "0")
        .option("--min-trust <level>", "weakest trust level to accept, 0 to 4", "1")
        .option("--timeout-seconds <seconds>", "how long to wait", "120"),
    ).action(async (model: string, input: string, options: RequestOptions) => {
      const rewardWei = weiOf(options.rewardWei, "--reward-wei");
      const sets = readCompact(readInput(input).toString("utf8"));
      const chosen = sets[whole(options.set, "--set")];
      if (chosen === undefined)
        throw new AssayError({
          code: "CLI_SET_MISSING",
          message: `the file has ${sets.length} sets, counted from 0`,
        });
      const { client, close } = await payingClient(options);
      const ask = async () => {
        const asked = await client.request({
          model,
          inputs: chosen.inputs,
          ...(chosen.inputs.length === 0 ? { takesNoInput: true } : {}),
          rewardWei,
          terms: { minTrust: whole(options.minTrust, "--min-trust") },
        });
        if (options.json !== true) say(`asked     ${asked.requestId}`);
        const ended = await asked.wait({ timeoutMs: 1_000 * whole(options.timeoutSeconds, "--timeout-seconds") });
        return { requestId: asked.requestId, ...ended };
      };
      const end = await ask().finally(close);
      done(end.kind === "fulfilled" ? EXIT.ok : EXIT.no);
      if (options.json === true) {
        sayJson(end.kind === "fulfilled" ? { ...end, outputs: end.outputs?.map(shown) } : end);
        return;
      }
      say(
        end.kind === "refused" ? `refused   ${refusalName(end.reason)}, transaction ${end.transactionHash}` : end.kind,
      );
      if (end.kind !== "fulfilled") return;
      for (const output of end.outputs ?? []) {
        const { name, dtype, dims, values } = shown(output);
        say(`${name}  ${dtype}[${dims.join("x")}]  ${values.slice(0, 16).join(" ")}${values.length > 16 ? " …" : ""}`);
      }
      say(`signer ${end.signer}, transaction ${end.transactionHash}, ${end.verdict}`);
    });
  },
};

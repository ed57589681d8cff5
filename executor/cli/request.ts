import { JsonRpcProvider, type Signer, Wallet } from "ethers";
import { AssayClient } from "../client/index";
import { readCompact } from "../conformance/cases";
import { AssayError } from "../domain/errors";
import { openKeystore } from "../keystore/keystoreFile";
import { passwordFromFile } from "../keystore/password";
import { refusalName } from "../protocol/statement";
import type { NamedTensor } from "../protocol/tensorSet";
import { DType, dtypeName } from "../protocol/tensorType";
import { numbersOf } from "../protocol/tensorValues";
import { type CliCommand, EXIT } from "./command";
import { type ChainOptions, connected, withChain } from "./connect";
import { readInput, say, sayJson } from "./output";

interface RequestOptions extends ChainOptions {
  readonly rewardWei: string;
  readonly minTrust: string;
  readonly timeoutSeconds: string;
  readonly set: string;
  readonly keystore?: string;
  readonly passwordFile?: string;
  readonly account?: string;
}

/** A key of an encrypted file, or an account that the node itself holds (development nodes do). */
async function signerOf(options: RequestOptions, provider: JsonRpcProvider): Promise<Signer> {
  if (options.keystore === undefined) return provider.getSigner(whole(options.account ?? "0", "--account"));
  if (options.passwordFile === undefined)
    throw new AssayError({ code: "CLI_PASSWORD_MISSING", message: "--keystore needs --password-file" });
  const { privateKey } = await openKeystore({
    path: options.keystore,
    password: passwordFromFile(options.passwordFile),
  });
  return new Wallet(privateKey, provider);
}

function whole(text: string, flag: string): number {
  if (!/^\d{1,9}$/.test(text))
    throw new AssayError({ code: "CLI_NUMBER_INVALID", message: `${flag} takes a whole number` });
  return Number(text);
}

function shown({ name, tensor }: NamedTensor): {
  name: string;
  dtype: string;
  dims: readonly number[];
  values: readonly (number | string)[];
} {
  const values = tensor.dtype === DType.string ? tensor.strings : numbersOf(tensor);
  return { name, dtype: dtypeName(tensor.dtype), dims: tensor.dims, values };
}

/** `assay request`: asks a model and prints the answer, checked again from chain data. */
export const requestCommand: CliCommand = {
  define: (program, done) => {
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
      .option("--timeout-seconds <seconds>", "how long to wait", "120")
      .option("--keystore <file>", "encrypted key that asks and pays")
      .option("--password-file <file>", "password of the keystore")
      .option("--account <n>", "account of a development node, where no keystore is given")
      .action(async (model: string, input: string, options: RequestOptions) => {
        if (!/^\d{1,30}$/.test(options.rewardWei))
          throw new AssayError({ code: "CLI_NUMBER_INVALID", message: "--reward-wei takes a whole number" });
        const sets = readCompact(readInput(input).toString("utf8"));
        const chosen = sets[whole(options.set, "--set")];
        if (chosen === undefined)
          throw new AssayError({
            code: "CLI_SET_MISSING",
            message: `the file has ${sets.length} sets, counted from 0`,
          });
        const end = await connected(options, async ({ record }) => {
          const provider = new JsonRpcProvider(options.rpcUrl, undefined, { cacheTimeout: -1 });
          try {
            const client = await AssayClient.connect({ signer: await signerOf(options, provider), deployment: record });
            const asked = await client.request({
              model,
              inputs: chosen.inputs,
              rewardWei: BigInt(options.rewardWei),
              terms: { minTrust: whole(options.minTrust, "--min-trust") },
            });
            if (options.json !== true) say(`asked     ${asked.requestId}`);
            const ended = await asked.wait({ timeoutMs: 1_000 * whole(options.timeoutSeconds, "--timeout-seconds") });
            return { requestId: asked.requestId, ...ended };
          } finally {
            provider.destroy();
          }
        });
        done(end.kind === "fulfilled" ? EXIT.ok : EXIT.no);
        if (options.json === true) {
          sayJson(end.kind === "fulfilled" ? { ...end, outputs: end.outputs?.map(shown) } : end);
          return;
        }
        say(
          end.kind === "refused"
            ? `refused   ${refusalName(end.reason)}, transaction ${end.transactionHash}`
            : end.kind,
        );
        if (end.kind !== "fulfilled") return;
        for (const output of end.outputs ?? []) {
          const { name, dtype, dims, values } = shown(output);
          say(
            `${name}  ${dtype}[${dims.join("x")}]  ${values.slice(0, 16).join(" ")}${values.length > 16 ? " …" : ""}`,
          );
        }
        say(`signer ${end.signer}, transaction ${end.transactionHash}, ${end.verdict}`);
      });
  },
};

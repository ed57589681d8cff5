import { readFileSync } from "node:fs";
import { join } from "node:path";
import { packageRoot } from "../../executor/deployment/artifacts";

interface Golden {
  readonly sets: readonly { readonly inputs: readonly { readonly dims: readonly number[]; readonly b64: string }[] }[];
}

/** A committed model of this repository: its hash and a row of real features it was tested with. */
export function committedModel(name: string): { readonly hash: string; readonly file: string } {
  const folder = join(packageRoot(), "models", name);
  const { sha256 } = JSON.parse(readFileSync(join(folder, "model.json"), "utf8")) as { sha256: string };
  return { hash: `0x${sha256.replace(/^0x/, "")}`, file: join(folder, `${name}.onnx`) };
}

/** Thirteen market features of a real hour, from the golden inputs of `eth_volatility`, as 1e18 fixed point. */
export function marketFeatures(): bigint[] {
  const golden = JSON.parse(readFileSync(join(packageRoot(), "models", "eth_volatility", "io.json"), "utf8")) as Golden;
  const row = golden.sets.flatMap((set) => set.inputs).find((input) => input.dims[0] === 1 && input.dims[1] === 13);
  if (row === undefined) throw new Error("models/eth_volatility/io.json has no single row");
  const bytes = Buffer.from(row.b64, "base64");
  // Rounded to 1e-12 on the way: a float32 has seven digits, and the sum in a double has no more than fifteen.
  return Array.from({ length: 13 }, (_, i) => BigInt(Math.round(bytes.readFloatLE(4 * i) * 1e12)) * 10n ** 6n);
}

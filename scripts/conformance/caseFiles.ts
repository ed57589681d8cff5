import type { ConformanceSet } from "../../executor/conformance/cases";
import type { NamedTensor } from "../../executor/protocol/tensorSet";
import { DType, dtypeName } from "../../executor/protocol/tensorType";
import type { CaseSpec } from "./caseSpec";
import { type Encoding, tensorFile } from "./tensorFile";

/** The files of a case, by their paths in its folder. */
export function filesOf({ model, sets, layout, nameless }: CaseSpec): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>([["model.onnx", model]]);
  const written = nameless === true ? sets.map(withoutNames) : sets;
  if (layout === "compact") files.set("io.json", Buffer.from(`${JSON.stringify({ sets: written.map(compactSet) })}\n`));
  else
    for (const [index, set] of written.entries())
      addProtos({ files, folder: `test_data_set_${index}`, set, encoding: layout });
  return files;
}

function withoutNames({ inputs, outputs }: ConformanceSet): ConformanceSet {
  const nameless = (list: readonly NamedTensor[]) => list.map(({ tensor }) => ({ name: "", tensor }));
  return { inputs: nameless(inputs), outputs: nameless(outputs) };
}

function addProtos(args: {
  files: Map<string, Uint8Array>;
  folder: string;
  set: ConformanceSet;
  encoding: Encoding;
}): void {
  const { files, folder, set, encoding } = args;
  for (const [kind, list] of [
    ["input", set.inputs],
    ["output", set.outputs],
  ] as const)
    list.forEach((entry, index) => {
      files.set(`${folder}/${kind}_${index}.pb`, tensorFile(entry, encoding));
    });
}

const compactSet = ({ inputs, outputs }: ConformanceSet) => ({
  inputs: inputs.map(compactTensor),
  outputs: outputs.map(compactTensor),
});

function compactTensor({ name, tensor }: NamedTensor) {
  const head = { name, dtype: dtypeName(tensor.dtype), dims: tensor.dims };
  const base64 = (data: Uint8Array | string): string =>
    (typeof data === "string" ? Buffer.from(data, "utf8") : Buffer.from(data)).toString("base64");
  return tensor.dtype === DType.string
    ? { ...head, strings: tensor.strings.map(base64) }
    : { ...head, b64: base64(tensor.data) };
}

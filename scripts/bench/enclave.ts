import { readFileSync } from "node:fs";
import { join } from "node:path";
import { readCompact } from "../../executor/conformance/cases";
import { address, hex32, ZERO_32 } from "../../executor/domain/ids";
import { warmUpModel } from "../../executor/enclave/image/probeModel";
import { OnnxRuntime } from "../../executor/enclave/image/runner/onnxruntime";
import { modelHashOf } from "../../executor/enclave/image/signer/hashing";
import { ephemeralPlatform } from "../../executor/enclave/platform/platform";
import type { Enclave } from "../../executor/enclave/ports";
import { hostPath, INSIDE, locateImage } from "../../executor/enclave/sandbox/image";
import { startEnclave } from "../../executor/enclave/supervisor";
import { encodeTensorSet, type NamedTensor } from "../../executor/protocol/tensorSet";
import { DType } from "../../executor/protocol/tensorType";
import { tensorFrom } from "../../executor/protocol/tensorValues";
import { descendants } from "../../test/executor/enclave/support/processes";
import { attribute, ElementType, model, type NodeSpec, tensor } from "../models/onnx/writer";
import { median, timed } from "./statistics";

const STARTS = 5;
const WARM_UP = 400;
const SAMPLES = 400;
const IMAGES = 60;
/** Requests sent before the first is answered: the next input is hashed while the runner computes. */
const IN_FLIGHT = 4;
const ACCOUNT = address(`0x${"11".repeat(20)}`);

/**
 * A convolution net with a 224x224x3 float input and so many layers of 115 million multiplications. Weights do not change what it costs. With a seed
 * for an input, the image is that one number everywhere: as much work on an input that a transaction can carry.
 */
export function imageModel(layers: number, input: "image" | "seed" = "image"): Uint8Array {
  const weights = (name: string, dims: readonly number[]): Uint8Array => {
    const values = Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i) / 50);
    return tensor({ name, dtype: ElementType.float, dims, raw: new Uint8Array(values.buffer) });
  };
  const conv = (input: string, weight: string, output: string, [pad, stride]: readonly [number, number]): NodeSpec => ({
    opType: "Conv",
    inputs: [input, weight],
    outputs: [output],
    attributes: [attribute.integers("pads", [pad, pad, pad, pad]), attribute.integers("strides", [stride, stride])],
  });
  const dims = new BigInt64Array([1n, 3n, 224n, 224n]);
  const [image, inputDims] = input === "image" ? (["x", [1, 3, 224, 224]] as const) : (["image", [1]] as const);
  const deep = Array.from({ length: layers }, (_, i) => i + 1);
  return model({
    irVersion: 8,
    opsets: { "": 17 },
    graph: {
      name: "image",
      nodes: [
        ...(input === "image" ? [] : [{ opType: "Expand", inputs: ["x", "dims"], outputs: ["image"] }]),
        conv(image, "w0", "v0", [3, 2]),
        ...deep.map((i) => conv(`v${i - 1}`, `w${i}`, `v${i}`, [1, 1])),
        { opType: "GlobalAveragePool", inputs: [`v${layers}`], outputs: ["y"] },
      ],
      inputs: [{ name: "x", dtype: ElementType.float, dims: inputDims }],
      outputs: [{ name: "y", dtype: ElementType.float, dims: [1, 32, 1, 1] }],
      initialisers: [
        ...(input === "image"
          ? []
          : [tensor({ name: "dims", dtype: ElementType.int64, dims: [4], raw: new Uint8Array(dims.buffer) })]),
        weights("w0", [32, 3, 7, 7]),
        ...deep.map((i) => weights(`w${i}`, [32, 32, 3, 3])),
      ],
    },
  });
}

/** The smallest of these nets that takes more than 10 ms on this machine, whatever the machine is: that is what the goal speaks of. */
async function slowEnough(bare: OnnxRuntime, set: readonly NamedTensor[]): Promise<Uint8Array> {
  for (let layers = 3; ; layers += 2) {
    const candidate = imageModel(layers);
    const loaded = bare.load(candidate);
    loaded.run(set);
    const times: number[] = [];
    for (let i = 0; i < 9; i++) times.push(await timed(() => loaded.run(set)));
    if (median(times) > 10.5) return candidate;
  }
}

/** Proportional resident memory of a process, in MB: shared pages are counted by their share. */
function pssMb(pid: number): number {
  const line = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8")
    .split("\n")
    .find((text) => text.startsWith("Pss:"));
  return Number(line?.replace(/\D/g, "")) / 1024;
}

function enclaveMemoryMb(): number {
  const family = descendants(process.pid).filter(
    ({ command }) => command.some((arg) => /(signer|runner)\.js$/.test(arg)) && !command[0]?.endsWith("bwrap"),
  );
  // A process that was not found would pass for memory that was saved.
  if (family.length !== 3) throw new Error(`${family.length} processes of the enclave were found, not three`);
  return family.reduce((sum, { pid }) => sum + pssMb(pid), 0);
}

let ids = 1;

async function answer(enclave: Enclave, bytes: Uint8Array, set: readonly NamedTensor[]): Promise<void> {
  const outcome = await enclave.run(
    {
      requestId: hex32(`0x${(ids++).toString(16).padStart(64, "0")}`),
      requester: ACCOUNT,
      modelHash: modelHashOf(bytes),
      input: encodeTensorSet(set),
      contextRoot: ZERO_32,
      feeWei: 0n,
      notAfter: 2_000,
      chainNow: 1_000,
    },
    bytes,
  );
  if (!outcome.ok || outcome.answer.kind !== "result") throw new Error("the enclave gave no result");
}

const start = (): Promise<Enclave> =>
  startEnclave({
    chainId: 31337n,
    registry: ACCOUNT,
    hub: ACCOUNT,
    operator: ACCOUNT,
    payout: ACCOUNT,
    endpoint: "",
    platform: ephemeralPlatform(),
    minimumLevel: 1,
  });

/** What an answer through the enclave costs beside bare onnxruntime on the same machine, at the strongest level it reaches. */
export async function measureEnclave(): Promise<Record<string, number>> {
  const starts: number[] = [];
  for (let i = 0; i < STARTS; i++) starts.push(await timed(async () => (await start()).close()));
  process.env.ORT_DISABLE_TELEMETRY = "1";
  const bare = new OnnxRuntime(hostPath(locateImage(), INSIDE.onnxruntime));

  // Memory first, by an enclave that has seen nothing but the two models.
  const small = await start();
  for (const name of ["liquidation_risk", "eth_volatility"]) {
    const folder = join(__dirname, "..", "..", "models", name);
    const [set] = readCompact(readFileSync(join(folder, "io.json"), "utf8"));
    await answer(small, readFileSync(join(folder, `${name}.onnx`)), set?.inputs ?? []);
  }
  const memoryMb = enclaveMemoryMb();
  await small.close();

  const enclave = await start();
  try {
    const tiny = warmUpModel();
    const tinySet = [{ name: "x", tensor: tensorFrom({ dtype: DType.float, dims: [1], values: [1] }) }];
    const loaded = bare.load(tiny);
    const [bareMs, enclaveMs]: [number[], number[]] = [[], []];
    // In turns, so that what else the machine does weighs on both alike.
    for (let i = 0; i < WARM_UP + SAMPLES; i++) {
      const b = await timed(() => loaded.run(tinySet));
      const e = await timed(() => answer(enclave, tiny, tinySet));
      if (i < WARM_UP) continue;
      bareMs.push(b);
      enclaveMs.push(e);
    }

    const pixels = Float32Array.from({ length: 3 * 224 * 224 }, (_, i) => (i % 255) / 255);
    const imageSet: NamedTensor[] = [
      { name: "x", tensor: { dtype: DType.float, dims: [1, 3, 224, 224], data: new Uint8Array(pixels.buffer) } },
    ];
    const image = await slowEnough(bare, imageSet);
    const loadedImage = bare.load(image);
    loadedImage.run(imageSet);
    await answer(enclave, image, imageSet);
    const ratios: number[] = [];
    const singles: number[] = [];
    for (let run = 0; run < 3; run++) {
      const alone = await timed(() => {
        for (let i = 0; i < IMAGES; i++) loadedImage.run(imageSet);
      });
      let left = IMAGES;
      const lane = async (): Promise<void> => {
        while (left-- > 0) await answer(enclave, image, imageSet);
      };
      const through = await timed(() => Promise.all(Array.from({ length: IN_FLIGHT }, lane)));
      ratios.push(alone / through);
      singles.push(alone / IMAGES);
    }
    return {
      "enclave.overheadMs": median(enclaveMs) - median(bareMs),
      "enclave.throughputRatio": median(ratios),
      "enclave.imageModelMs": median(singles),
      "enclave.coldStartMs": median(starts),
      "memory.enclaveMb": memoryMb,
    };
  } finally {
    await enclave.close();
  }
}

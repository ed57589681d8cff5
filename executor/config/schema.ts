import { z } from "zod";
import {
  account,
  gwei,
  host,
  httpUrl,
  isLoopback,
  listOf,
  oneOf,
  rawKey,
  size,
  text,
  wei,
  whole,
  wsUrl,
  yesNo,
} from "./kinds";

/** Where a value may come from, strongest first. */
export const SOURCES = ["flag", "environment", "file", "default"] as const;
export type Source = (typeof SOURCES)[number];

export const GROUPS = [
  "chain",
  "storage",
  "operator",
  "enclaves",
  "models",
  "money",
  "time",
  "http",
  "pipe",
  "logs",
] as const;

/** What the schema can not say about a field: its words for people, and where its value may stand. */
export interface FieldMeta {
  readonly group: (typeof GROUPS)[number];
  /** One sentence: meaning and unit. */
  readonly help: string;
  /** What stands for the value in the help, such as `SECONDS`; a boolean has none. */
  readonly placeholder?: string;
  /** The whole value is secret, or it is an address whose path, query and user may hold an access key. */
  readonly secret?: "value" | "url";
  /** Set for a value that other users of the machine could read in the process list or in a shared file. */
  readonly only?: "environment";
  /** The default in words, where it follows from other fields. */
  readonly derived?: string;
}

export const fieldMeta = z.registry<FieldMeta>();

const MIB = 2 ** 20;
const seconds = (max: number) => whole(0, max);

/** Every field of the daemon. Flags, variables, file keys, defaults, help and docs/configuration.md all come from here. */
const fields = z.strictObject({
  rpcUrls: listOf(httpUrl, { min: 1, max: 16 }).default(["http://127.0.0.1:8545"]).register(fieldMeta, {
    group: "chain",
    placeholder: "URL,...",
    secret: "url",
    help: "JSON-RPC addresses of the chain, in order of preference; with several, disagreement is noticed.",
  }),
  wsUrl: wsUrl.optional().register(fieldMeta, {
    group: "chain",
    placeholder: "URL",
    secret: "url",
    help: "Websocket that wakes the follower at a new block; nothing is believed because of it.",
  }),
  network: text
    .regex(/^[a-z0-9][a-z0-9_-]*$/, "must be lower-case letters, digits, - and _")
    .default("localhost")
    .register(fieldMeta, { group: "chain", placeholder: "NAME", help: "Name of the deployment to serve." }),
  deploymentFile: text.optional().register(fieldMeta, {
    group: "chain",
    placeholder: "FILE",
    derived: "deployments/<network>.json",
    help: "Addresses and code hashes of the deployment, as scripts/deploy.ts wrote them.",
  }),
  confirmations: whole(0, 10_000).default(12).register(fieldMeta, {
    group: "chain",
    placeholder: "BLOCKS",
    help: "Blocks on top of a fulfilment after which it counts as final.",
  }),
  pollIntervalMs: whole(10, 600_000).default(1_000).register(fieldMeta, {
    group: "chain",
    placeholder: "MS",
    help: "Milliseconds between two looks at the chain when no websocket wakes the follower.",
  }),
  rpcTimeoutMs: whole(100, 600_000).default(10_000).register(fieldMeta, {
    group: "chain",
    placeholder: "MS",
    help: "Milliseconds after which a call to a chain node counts as failed.",
  }),

  dataDir: text
    .default(".assay")
    .register(fieldMeta, { group: "storage", placeholder: "DIR", help: "Folder of everything the daemon keeps." }),
  storePath: text.optional().register(fieldMeta, {
    group: "storage",
    placeholder: "FILE",
    derived: "<data-dir>/store.sqlite",
    help: "The job store.",
  }),

  operatorKeystore: text.optional().register(fieldMeta, {
    group: "operator",
    placeholder: "FILE",
    help: "Encrypted key (keystore V3) that registers enclaves and owns the operator's record.",
  }),
  operatorPasswordFile: text.optional().register(fieldMeta, {
    group: "operator",
    placeholder: "FILE",
    help: "File with the password of the operator's keystore; without it the password is asked for on the terminal.",
  }),
  posterKeystore: text.optional().register(fieldMeta, {
    group: "operator",
    placeholder: "FILE",
    derived: "the operator's keystore",
    help: "Encrypted key (keystore V3) that pays for and posts answers.",
  }),
  posterPasswordFile: text.optional().register(fieldMeta, {
    group: "operator",
    placeholder: "FILE",
    derived: "the operator's, if the keystore is",
    help: "File with the password of the posting keystore.",
  }),
  operatorPrivateKey: rawKey.optional().register(fieldMeta, {
    group: "operator",
    placeholder: "HEX",
    secret: "value",
    only: "environment",
    help: "Raw key of the operator; development chains only, and only with --allow-raw-key.",
  }),
  posterPrivateKey: rawKey.optional().register(fieldMeta, {
    group: "operator",
    placeholder: "HEX",
    secret: "value",
    only: "environment",
    derived: "the operator's raw key",
    help: "Raw posting key; development chains only, and only with --allow-raw-key.",
  }),
  publisherKeystore: text.optional().register(fieldMeta, {
    group: "operator",
    placeholder: "FILE",
    derived: "the posting keystore",
    help: "Encrypted key (keystore V3) of PIPE: publishes results and relays intents; one of its own keeps them from waiting behind answers.",
  }),
  publisherPasswordFile: text.optional().register(fieldMeta, {
    group: "operator",
    placeholder: "FILE",
    derived: "the operator's, if the keystore is",
    help: "File with the password of the publisher's keystore.",
  }),
  publisherPrivateKey: rawKey.optional().register(fieldMeta, {
    group: "operator",
    placeholder: "HEX",
    secret: "value",
    only: "environment",
    derived: "the raw posting key",
    help: "Raw key of PIPE; development chains only, and only with --allow-raw-key.",
  }),
  allowRawKey: yesNo.default(false).register(fieldMeta, {
    group: "operator",
    help: "Permits raw keys from the environment; refused on any chain but a development chain.",
  }),
  payout: account.optional().register(fieldMeta, {
    group: "operator",
    placeholder: "ADDRESS",
    derived: "the operator's address",
    help: "Account that rewards are credited to.",
  }),
  endpoint: httpUrl.optional().register(fieldMeta, {
    group: "operator",
    placeholder: "URL",
    help: "Public address of this operator, written into the registration.",
  }),

  enclaves: whole(1, 64)
    .default(2)
    .register(fieldMeta, { group: "enclaves", placeholder: "COUNT", help: "How many enclaves to run." }),
  minimumLevel: whole(0, 3).default(2).register(fieldMeta, {
    group: "enclaves",
    placeholder: "LEVEL",
    help: "Weakest sandbox level to start with: 3 namespaces and seccomp, 2 Landlock and seccomp, 1 plain process, 0 in process.",
  }),
  attestationFormat: oneOf(["development", "nitro"]).default("development").register(fieldMeta, {
    group: "enclaves",
    placeholder: "FORMAT",
    help: "Documents that vouch for the enclaves: development (one key), or nitro (AWS's format under a root of the data folder; a software level all the same).",
  }),
  runTimeoutSeconds: whole(1, 3_600).default(30).register(fieldMeta, {
    group: "enclaves",
    placeholder: "SECONDS",
    help: "Longest run of a model before its runner is killed.",
  }),
  memoryBudget: size(256 * MIB, 2 ** 40)
    .default(1024 * MIB)
    .register(fieldMeta, {
      group: "enclaves",
      placeholder: "SIZE",
      help: "Memory that matching plans for the models of one enclave, and the hard limit of a single runner up to 1 GiB.",
    }),

  modelsDir: text.default("models").register(fieldMeta, {
    group: "models",
    placeholder: "DIR",
    help: "Folder searched, with its subfolders, for .onnx files by their sha-256.",
  }),
  modelUrls: listOf(httpUrl, { min: 0, max: 16 }).default([]).register(fieldMeta, {
    group: "models",
    placeholder: "URL,...",
    secret: "url",
    help: "HTTP gateways that serve files by content id; {cid} and {sha256} are replaced, else /ipfs/{cid} is appended.",
  }),
  maxModelBytes: size(1_024, 2 ** 31 - 1)
    .default(256 * MIB)
    .register(fieldMeta, {
      group: "models",
      placeholder: "SIZE",
      help: "Largest model file that is fetched or loaded.",
    }),
  modelCacheBytes: size(0, 2 ** 40)
    .default(256 * MIB)
    .register(fieldMeta, { group: "models", placeholder: "SIZE", help: "Memory for model files that were used last." }),
  modelTimeoutSeconds: whole(1, 3_600).default(60).register(fieldMeta, {
    group: "models",
    placeholder: "SECONDS",
    help: "Longest download of one model from one gateway.",
  }),

  minRewardWei: wei
    .default(0n)
    .register(fieldMeta, { group: "money", placeholder: "AMOUNT", help: "Smallest reward to work for." }),
  maxGasPriceGwei: gwei.default("200").register(fieldMeta, {
    group: "money",
    placeholder: "GWEI",
    help: "Highest price of gas at which anything is posted.",
  }),
  allowLoss: yesNo
    .default(false)
    .register(fieldMeta, { group: "money", help: "Serves requests whose reward does not cover the gas." }),
  lowBalanceWei: wei.default(10n ** 16n).register(fieldMeta, {
    group: "money",
    placeholder: "AMOUNT",
    help: "Balance of the posting key below which a warning is logged.",
  }),

  postingMarginSeconds: seconds(86_400).default(15).register(fieldMeta, {
    group: "time",
    placeholder: "SECONDS",
    help: "Time kept before a request's deadline for posting the answer.",
  }),
  epochMarginSeconds: seconds(86_400).default(900).register(fieldMeta, {
    group: "time",
    placeholder: "SECONDS",
    help: "Time before the end of an enclave's epoch at which it is renewed.",
  }),
  heartbeatMarginSeconds: seconds(86_400).default(600).register(fieldMeta, {
    group: "time",
    placeholder: "SECONDS",
    help: "Time before a heartbeat is due at which it is sent.",
  }),
  maxKeyAgeSeconds: seconds(31_536_000).default(0).register(fieldMeta, {
    group: "time",
    placeholder: "SECONDS",
    help: "Age at which an enclave's key is replaced by a new one, with overlap; 0 keeps keys as long as they can be renewed.",
  }),
  drainSeconds: seconds(3_600).default(25).register(fieldMeta, {
    group: "time",
    placeholder: "SECONDS",
    help: "Longest wait, when the daemon is stopped, for what is in work; then its keys are drained on the chain. A second signal ends it at once.",
  }),

  httpHost: host.default("127.0.0.1").register(fieldMeta, {
    group: "http",
    placeholder: "HOST",
    help: "Address of /healthz, /readyz, /metrics and /status.",
  }),
  httpPort: whole(0, 65_535)
    .default(9464)
    .register(fieldMeta, { group: "http", placeholder: "PORT", help: "Port of the same; 0 takes a free one." }),
  httpAllowRemote: yesNo.default(false).register(fieldMeta, {
    group: "http",
    help: "Permits an address that other machines reach; nothing on it asks for a password.",
  }),

  pipe: yesNo.default(false).register(fieldMeta, {
    group: "pipe",
    help: "Runs inferences before the transactions that need them (docs/pipe.md), behind a JSON-RPC address of its own.",
  }),
  pipeHost: host
    .default("127.0.0.1")
    .register(fieldMeta, { group: "pipe", placeholder: "HOST", help: "Address of the JSON-RPC front." }),
  pipePort: whole(0, 65_535)
    .default(8645)
    .register(fieldMeta, { group: "pipe", placeholder: "PORT", help: "Port of the same; 0 takes a free one." }),
  pipeAllowRemote: yesNo
    .default(false)
    .register(fieldMeta, { group: "pipe", help: "Permits an address that other machines reach; give API keys then." }),
  pipeKeysFile: text.optional().register(fieldMeta, {
    group: "pipe",
    placeholder: "FILE",
    help: "JSON object of API keys and the names of their holders; without it nobody needs a key.",
  }),
  pipeFeeWei: wei.default(0n).register(fieldMeta, {
    group: "pipe",
    placeholder: "AMOUNT",
    help: "Fee in every portable result: what bringing it costs. Raw transactions need one that covers the gas of publishing, or --allow-loss.",
  }),
  pipeDeadlineSeconds: whole(1, 86_400).default(60).register(fieldMeta, {
    group: "pipe",
    placeholder: "SECONDS",
    help: "How long a transaction is held before it is given back.",
  }),
  pipeGasCap: whole(100_000, 7_500_000).default(2_500_000).register(fieldMeta, {
    group: "pipe",
    placeholder: "GAS",
    help: "Most gas that a transaction's target gets in a simulation: what a hostile contract can cost the node.",
  }),
  pipeMaxRounds: whole(1, 256).default(16).register(fieldMeta, {
    group: "pipe",
    placeholder: "COUNT",
    help: "Most rounds of inferences for one transaction.",
  }),
  pipeMaxInferences: whole(1, 256)
    .default(64)
    .register(fieldMeta, { group: "pipe", placeholder: "COUNT", help: "Most inferences for one transaction." }),
  pipeMaxHeld: whole(1, 100_000).default(1_000).register(fieldMeta, {
    group: "pipe",
    placeholder: "COUNT",
    help: "Most transactions, and intents, held at once.",
  }),
  pipeMaxHeldPerSender: whole(1, 10_000)
    .default(64)
    .register(fieldMeta, { group: "pipe", placeholder: "COUNT", help: "The same of one sender." }),
  pipeSimulationsPerMinute: whole(1, 1_000_000)
    .default(1_200)
    .register(fieldMeta, { group: "pipe", placeholder: "COUNT", help: "Simulations for one account." }),
  pipeInferencesPerHour: whole(1, 1_000_000)
    .default(3_600)
    .register(fieldMeta, { group: "pipe", placeholder: "COUNT", help: "Inferences for one account." }),

  logLevel: oneOf(["silent", "fatal", "error", "warn", "info", "debug", "trace"])
    .default("info")
    .register(fieldMeta, { group: "logs", placeholder: "LEVEL", help: "Least important log line to write." }),
});

export type ConfigFields = z.output<typeof fields>;
export type FieldName = keyof ConfigFields & string;

/** The fields as zod holds them, for whoever lists them. */
export const fieldShape: Readonly<Record<FieldName, z.ZodType>> = fields.shape;
export const FIELD_NAMES = Object.keys(fields.shape) as readonly FieldName[];

/** Rules between fields. Each names the field that the user most likely has to change. */
export const configSchema = fields.superRefine((config, context) => {
  const conflict = (name: FieldName, message: string): void =>
    context.addIssue({ code: "custom", path: [name], message, params: { conflict: true } });
  for (const [raw, keystore] of [
    ["operatorPrivateKey", "operatorKeystore"],
    ["posterPrivateKey", "posterKeystore"],
    ["publisherPrivateKey", "publisherKeystore"],
  ] as const) {
    if (config[raw] === undefined) continue;
    if (!config.allowRawKey) conflict(raw, "a raw key needs allowRawKey, and a development chain");
    if (config[keystore] !== undefined) conflict(raw, `stands beside ${keystore}; give one of them`);
  }
  if (config.posterPasswordFile !== undefined && config.posterKeystore === undefined)
    conflict("posterPasswordFile", "is given without posterKeystore");
  if (config.publisherPasswordFile !== undefined && config.publisherKeystore === undefined)
    conflict("publisherPasswordFile", "is given without publisherKeystore");
  if (!config.pipeAllowRemote && !isLoopback(config.pipeHost))
    conflict("pipeHost", "is not a loopback address; set pipeAllowRemote if that is meant");
  if (config.operatorPasswordFile !== undefined && config.operatorKeystore === undefined)
    conflict("operatorPasswordFile", "is given without operatorKeystore");
  if (!config.httpAllowRemote && !isLoopback(config.httpHost))
    conflict("httpHost", "is not a loopback address; set httpAllowRemote if that is meant");
});

/** @throws Error if a field was added without its words, which is a bug that the first test finds */
export function metaOf(name: FieldName): FieldMeta {
  const meta = fieldMeta.get(fieldShape[name]);
  if (meta === undefined) throw new Error(`the field ${name} has no description`);
  return meta;
}

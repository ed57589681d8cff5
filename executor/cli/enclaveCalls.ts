import type { Command } from "commander";
import { JsonRpcProvider, type TransactionReceipt } from "ethers";
import { NITRO_VERIFIER, REGISTRY } from "../app/registryAbi";
import { type RegistrationConsent, RegistryClient } from "../app/registryClient";
import { planRevocation } from "../app/revocation";
import type { DeploymentRecord } from "../deployment/record";
import { AssayError } from "../domain/errors";
import { address, type HexBytes, hex32 } from "../domain/ids";
import { MinedSender } from "./callSender";
import { type ChainOptions, connectedToDeployment, withChain } from "./connect";
import { readInput, say, sayJson, sayRows } from "./output";
import { type PayerOptions, signerOf, whole, withPayer } from "./payer";

type CallOptions = ChainOptions & PayerOptions;

interface RegisterOptions extends CallOptions {
  readonly endpoint: string;
  readonly keyConfig: string;
  readonly operatorKeystore?: string;
  readonly operatorPasswordFile?: string;
  readonly operatorAccount?: string;
}

interface RevokeOptions extends CallOptions {
  readonly compromisedSince?: string;
  readonly root?: string;
  readonly crl?: string;
  readonly issuer?: readonly string[];
}

/** A connection that pays. */
interface Paying {
  readonly client: RegistryClient;
  readonly sender: MinedSender;
  readonly provider: JsonRpcProvider;
  readonly record: DeploymentRecord;
}

const MAX_FILE_BYTES = 65_536;
/** The most that 40 bits hold, as the registry keeps times. */
const MAX_SECONDS = 2 ** 40 - 1;

/** Adds the commands that change something on the chain. */
export function defineEnclaveCalls(enclave: Command): void {
  for (const [name, description] of [
    ["register", "register a key by an attestation document of either format; it is verified before gas is spent"],
    ["renew", "prolong a registered key by a fresh document of the same enclave"],
  ] as const) {
    withPayer(withChain(enclave.command(name).description(description)))
      .argument("<document>", "file with the COSE_Sign1 document as the enclave gave it")
      .requiredOption("--key-config <file>", "key configuration of the enclave (RFC 9458, without length prefix)")
      .option("--endpoint <url>", "the endpoint that the enclave was started with", "")
      .option("--operator-keystore <file>", "the operator's key, where another one pays: it signs the consent")
      .option("--operator-password-file <file>", "password of the operator's keystore")
      .option("--operator-account <n>", "the operator's account of a development node, where no keystore is given")
      .action((document: string, options: RegisterOptions) => registerOrRenew(name, document, options));
  }
  withPayer(withChain(enclave.command("drain").description("let a key end what it has begun and take nothing new")))
    .argument("<signer>", "address of the enclave's key")
    .action(async (signer: string, options: CallOptions) => {
      const wanted = address(signer);
      await paying(options, async ({ client }) => client.drain(wanted));
    });
  withPayer(
    withChain(enclave.command("revoke").description("take trust away, for ever: an image, a root, or certificates")),
  )
    .argument("[image-id]", "the image whose keys all end at once; for the revoker")
    .option(
      "--compromised-since <unix>",
      "with an image: from this second on its keys' signatures are not called authentic",
    )
    .option("--root <root-id>", "a root that may vouch for no new key; for the revoker")
    .option("--crl <file>", "a revocation list in DER, signed by its issuer; anyone may bring it")
    .option("--issuer <file...>", "with --crl: certificates in DER or attestation documents that hold the issuer's key")
    .action((imageId: string | undefined, options: RevokeOptions) => revoke(imageId, options));
}

async function registerOrRenew(name: "register" | "renew", file: string, options: RegisterOptions): Promise<void> {
  const [document, keyConfig] = [readSmall(file), readSmall(options.keyConfig)];
  await paying(options, async ({ client, provider, record }) => {
    const consent = consentOf(options, provider, record);
    const { endpoint } = options;
    await client[name]({ document, endpoint, keyConfig, ...(consent === undefined ? {} : { consent }) });
  });
}

async function revoke(imageId: string | undefined, options: RevokeOptions): Promise<void> {
  const { root, crl, compromisedSince, issuer } = options;
  const named = [imageId, root, crl].filter((what) => what !== undefined);
  if (named.length !== 1)
    throw new AssayError({
      code: "CLI_REVOCATION_UNCLEAR",
      message: "name one thing to revoke: an image id, --root ID, or --crl FILE",
    });
  if (imageId === undefined && compromisedSince !== undefined)
    throw new AssayError({ code: "CLI_OPTION_UNUSED", message: "--compromised-since belongs to an image id" });
  if (crl === undefined && issuer !== undefined)
    throw new AssayError({ code: "CLI_OPTION_UNUSED", message: "--issuer belongs to --crl" });
  if (crl !== undefined) {
    if (issuer === undefined)
      throw new AssayError({
        code: "CLI_ISSUER_MISSING",
        message: "--crl needs --issuer: the certificate of the CA that signed the list, or a document under it",
      });
    const list = readSmall(crl);
    const plan = planRevocation(list, issuer.map(readSmall));
    await paying(options, ({ client }) => client.revokeListed(list, plan));
  } else if (root !== undefined) {
    const rootId = hex32(root);
    await paying(options, ({ client }) => client.revokeRoot(rootId));
  } else {
    const image = hex32(imageId);
    const since = sinceOf(compromisedSince);
    await paying(options, ({ client }) => client.revokeImage(image, since));
  }
}

/** @throws AssayError `CLI_TIME_MISSING`, `CLI_TIME_INVALID` */
function sinceOf(text: string | undefined): number {
  if (text === undefined)
    throw new AssayError({
      code: "CLI_TIME_MISSING",
      message:
        "an image needs --compromised-since: the first second at which its keys may have been misused (the newest block's, if none was)",
    });
  const seconds = /^\d{1,13}$/.test(text) ? Number(text) : Number.NaN;
  if (!(seconds <= MAX_SECONDS))
    throw new AssayError({ code: "CLI_TIME_INVALID", message: "--compromised-since takes whole seconds since 1970" });
  return seconds;
}

/** Asks for the operator's signature only if it is needed. Undefined where no key of the operator is named. */
function consentOf(
  options: RegisterOptions,
  provider: JsonRpcProvider,
  record: DeploymentRecord,
): ((consent: RegistrationConsent) => Promise<HexBytes>) | undefined {
  const { operatorKeystore: keystore, operatorPasswordFile: passwordFile, operatorAccount: account } = options;
  if (keystore === undefined && account === undefined) return undefined;
  if (account !== undefined) whole(account, "--operator-account");
  return async (consent) => {
    const signer = await signerOf(
      {
        ...(keystore === undefined ? {} : { keystore }),
        ...(passwordFile === undefined ? {} : { passwordFile }),
        ...(account === undefined ? {} : { account }),
      },
      provider,
    );
    const actual = address(await signer.getAddress());
    if (actual !== consent.operator)
      throw new AssayError({
        code: "CLI_OPERATOR_WRONG",
        message: `the document names the operator ${consent.operator}, and the key given is ${actual}`,
        context: { expected: consent.operator, actual },
      });
    const domain = {
      name: "AssayRegistry",
      version: "1",
      chainId: BigInt(record.chainId),
      verifyingContract: record.contracts.EnclaveRegistry.address,
    };
    const types = {
      RegistrationConsent: [
        { name: "payloadHash", type: "bytes32" },
        { name: "operator", type: "address" },
        { name: "deadline", type: "uint64" },
      ],
    };
    return (await signer.signTypedData(domain, types, consent)) as HexBytes;
  };
}

/** Connects, sends what the work sends, and prints what the chain made of it. */
async function paying(options: CallOptions, work: (connection: Paying) => Promise<unknown>): Promise<void> {
  await connectedToDeployment(options, async ({ rpc, record }) => {
    const provider = new JsonRpcProvider(options.rpcUrl, BigInt(record.chainId), {
      staticNetwork: true,
      cacheTimeout: -1,
    });
    try {
      const sender = await MinedSender.of(await signerOf(options, provider));
      const client = new RegistryClient({ rpc, contracts: record.contracts, transactions: sender });
      await work({ client, sender, provider, record });
      if (sender.receipt !== undefined) report(sender.receipt, options.json === true);
    } finally {
      provider.destroy();
    }
  });
}

function report({ hash, blockNumber, gasUsed, logs }: TransactionReceipt, json: boolean): void {
  const events = logs.flatMap((log) => {
    const parsed = REGISTRY.parseLog(log) ?? NITRO_VERIFIER.parseLog(log);
    return parsed === null ? [] : [{ event: parsed.name, ...parsed.args.toObject() }];
  });
  if (json) {
    sayJson({ transaction: hash, block: blockNumber, gasUsed, events });
    return;
  }
  say(`${hash} in block ${blockNumber}, ${gasUsed.toLocaleString("en-US")} gas`);
  for (const { event, ...args } of events) {
    say(event);
    sayRows(Object.entries(args).map(([name, value]) => [`  ${name}`, String(value)]));
  }
}

/** @throws AssayError `CLI_FILE_UNREADABLE`, `CLI_FILE_EMPTY`, `CLI_FILE_TOO_LARGE` */
function readSmall(path: string): Uint8Array {
  const bytes = readInput(path);
  const context = { path };
  if (bytes.length === 0) throw new AssayError({ code: "CLI_FILE_EMPTY", message: `${path} is empty`, context });
  if (bytes.length > MAX_FILE_BYTES)
    throw new AssayError({
      code: "CLI_FILE_TOO_LARGE",
      message: `${path} has more than 64 KB, which no transaction could carry`,
      context,
    });
  return bytes;
}

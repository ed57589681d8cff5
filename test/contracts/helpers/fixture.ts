import { time } from "@nomicfoundation/hardhat-network-helpers";
import { id, type Signer, type SigningKey } from "ethers";
import hre from "hardhat";
import { args, INPUT, Job, MODEL } from "./job";
import { encodeTerms, type TermsInput } from "./terms";
import { as, deployWorld, enclaveKey, mined, now, registrationOf, type RegistryOptions, type With, type World } from "./world";

export type Requester = With<
  "ask" | "act" | "setMode" | "setProgram" | "last" | "gasSeen" | "calls" | "answer" | "output" | "succeeded" | "returned"
>;

/** What `MockRequester.onInference` does. */
export const Mode = {
  Record: 0,
  RevertWithError: 1,
  RevertEmpty: 2,
  BurnGas: 3,
  ReturnMegabyte: 4,
  RevertMegabyte: 5,
  RunProgram: 6,
} as const;

export const CALLBACK_GAS = 500_000;
export const REWARD = 1_000_000n;

/** Two operators with an enclave each, a stranger, a requester with code, and a user without. */
export interface Stage extends World {
  readonly deployer: Signer;
  readonly alice: Signer;
  readonly bob: Signer;
  readonly user: Signer;
  readonly stranger: Signer;
  readonly aliceKey: SigningKey;
  readonly bobKey: SigningKey;
  readonly requester: Requester;
}

/** Puts a world on the Hardhat chain; `options` change the registry's configuration. */
export async function setStage(options: RegistryOptions = {}): Promise<Stage> {
  const [deployer, alice, bob, user, stranger] = await hre.ethers.getSigners();
  if (!deployer || !alice || !bob || !user || !stranger) throw new Error("the chain has too few accounts");
  const world = await deployWorld(hre, deployer, options);
  const [aliceKey, bobKey] = [enclaveKey("alice"), enclaveKey("bob")];
  for (const [operator, key] of [
    [alice, aliceKey],
    [bob, bobKey],
  ] as const) {
    const document = { key, operator: operator.address, attestedAt: await now(deployer) };
    await mined(as(world.registry, operator).register(registrationOf(world, document).registration));
  }
  const factory = await hre.ethers.getContractFactory("MockRequester", user);
  const requester = (await factory.deploy(world.hub.target)) as unknown as Requester;
  return { ...world, deployer, alice, bob, user, stranger, aliceKey, bobKey, requester };
}

let salts = 0;

/** Terms with a deadline an hour ahead. */
export async function termsOf(stage: Stage, t: Partial<TermsInput> = {}): Promise<string> {
  return encodeTerms({ deadline: (await now(stage.deployer)) + 3600n, ...t });
}

/** Opens a request of the user, or of the requester with code where a callback is asked for. */
export async function open(
  stage: Stage,
  t: Partial<TermsInput> = {},
  options: { readonly rewardWei?: bigint; readonly from?: Requester } = {},
): Promise<Job> {
  const rewardWei = options.rewardWei ?? REWARD;
  const terms = await termsOf(stage, t);
  salts += 1;
  const salt = id(`salt/${salts}`);
  const from = options.from ?? (t.callbackGas === undefined ? undefined : stage.requester);
  const requester = from === undefined ? await stage.user.getAddress() : String(from.target);
  const job = new Job(stage.domain, { requester, terms, salt, rewardWei });
  const target = from === undefined ? as(stage.hub, stage.user).request : from.ask;
  await mined(target(MODEL, INPUT, terms, salt, { value: rewardWei }));
  return job;
}

/** Lands a result of Alice's enclave, sent by her. */
export async function land(stage: Stage, job: Job) {
  const r = job.result(stage.aliceKey, await now(stage.deployer));
  const receipt = await mined(as(stage.hub, stage.alice).fulfill(...args(r)));
  return { ...r, receipt };
}

/** Makes the next block's time known, so that errors that carry it can be compared. */
export async function at(seconds: bigint): Promise<bigint> {
  await time.setNextBlockTimestamp(seconds);
  return seconds;
}

/** The word for `statusOf`. */
export const Status = { None: 0n, Open: 1n, Fulfilled: 2n, CallbackFailed: 3n, Refused: 4n, Refunded: 5n } as const;

/** Codes of docs/protocol.md section 5. */
export const Code = {
  OK: 0n,
  NOT_OPEN: 1n,
  DEADLINE_PASSED: 2n,
  WRONG_OPERATOR: 3n,
  PROFILE_MISMATCH: 4n,
  ISSUED_IN_FUTURE: 5n,
  STATEMENT_EXPIRED: 6n,
  LIFETIME_TOO_LONG: 7n,
  BAD_PROOF: 8n,
  CALLER_NOT_ALLOWED: 9n,
  GAS_TOO_LOW: 10n,
  SIGNER_UNKNOWN: 32n,
  SIGNER_CLOSED: 33n,
  EPOCH_ENDED: 34n,
  HEARTBEAT_OVERDUE: 35n,
  IMAGE_REVOKED: 36n,
  TRUST_TOO_LOW: 37n,
  IMAGE_MISMATCH: 38n,
} as const;

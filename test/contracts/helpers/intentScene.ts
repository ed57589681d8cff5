import type { Forwarder } from "./intents";
import { deploy, type SyncStage, syncStage } from "./sync";
import { mined, type With } from "./world";

export type Target = With<
  "record" | "infer" | "pretend" | "fail" | "burn" | "reenter" | "sender" | "value" | "gasSeen" | "output" | "answer"
>;
export interface Scene extends SyncStage {
  readonly forwarder: Forwarder;
  readonly target: Target;
  readonly from: string;
}

/** What the user has at the forwarder. */
export const BALANCE = 10_000n;

/** A forwarder, a target that trusts it, and a user with a balance. */
export async function scene(): Promise<Scene> {
  const s = await syncStage();
  const forwarder = await deploy<Forwarder>("IntentForwarder", [s.hub.target]);
  const target = await deploy<Target>("MockIntentTarget", [forwarder.target]);
  const from = await s.user.getAddress();
  await mined(forwarder.depositFor(from, { value: BALANCE }));
  return { ...s, forwarder, target, from };
}

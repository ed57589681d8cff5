import type { Stage } from "./fixture";
import type { Job } from "./job";
import { as, mined } from "./world";

export type Item = Omit<ReturnType<Job["result"]>, "hash">;
export const GAS = { gasLimit: 16_000_000 };

export const item = ({ hash: _, ...rest }: ReturnType<Job["result"]>): Item => rest;

/** The codes that a batch answers, then the batch itself. */
export async function runBatch(s: Stage, items: Item[], sender = s.alice) {
  const hub = as(s.hub, sender);
  const codes = (await hub.fulfillBatch.staticCall(items, GAS)) as bigint[];
  const receipt = await mined(hub.fulfillBatch(items, GAS));
  return { codes: [...codes], receipt };
}

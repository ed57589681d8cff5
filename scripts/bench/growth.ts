import { readFileSync } from "node:fs";
import { join } from "node:path";
import { hexlify, Interface, toBeHex } from "ethers";
import Database from "libsql";
import { sqliteJobStore } from "../../executor/jobs/sqliteStore";
import { encodeTensorSet } from "../../executor/protocol/tensorSet";
import { encodeTerms, standardTerms } from "../../executor/protocol/terms";
import { RpcClient } from "../../executor/rpc/client";
import { committedModel, goldenSets, openWorld, type World } from "../../test/e2e/support/world";
import { localKey } from "../start/localKeys";
import { median } from "./statistics";
import { Signed, watch } from "./traffic";

const FINISHED = 100_000;
const WARM_UP = 60;
const SAMPLES = 300;
const RUNS = 3;
/** What Linux counts a process's time in. */
const TICK_MS = 10;

/** A copy of the store with so many finished jobs more, each with its timeline and its place in a transaction. */
async function grown(from: string, to: string): Promise<void> {
  const store = sqliteJobStore(from);
  await store.backup(to);
  await store.close();
  const db = new Database(to);
  const columns = (db.prepare("SELECT name FROM pragma_table_info('jobs')").all() as { name: string }[]).map(
    ({ name }) => name,
  );
  const copied = columns.filter((name) => name !== "id" && name !== "external_id");
  const numbers = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${FINISHED})`;
  const id = "'0x' || printf('%064x', n.i + 1000000)";
  db.exec(`BEGIN;
    INSERT INTO jobs (external_id, ${copied.join(", ")}) ${numbers}
      SELECT ${id}, ${copied.map((name) => `job.${name}`).join(", ")} FROM n, (SELECT * FROM jobs WHERE state = 'settled' LIMIT 1) AS job;
    INSERT INTO timeline (request_id, step, host_ms, detail) ${numbers}
      SELECT ${id}, step, host_ms, detail FROM n, (SELECT * FROM timeline LIMIT 3);
    INSERT INTO outbox_jobs (hash, job_id) ${numbers}
      SELECT hash, 1000000 + n.i FROM n, (SELECT hash FROM outbox_jobs LIMIT 1);
    COMMIT;`);
  const [row] = db.prepare("SELECT count(*) AS n FROM jobs WHERE state = 'settled'").all() as { n: number }[];
  db.close();
  if (Number(row?.n) < FINISHED) throw new Error(`the grown store has ${row?.n} finished jobs`);
}

function cpuMs(pid: number | undefined): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return TICK_MS * (Number(fields[11]) + Number(fields[12]));
}

/** CPU of the executor's own process for a request, with the store it is given; SQLite runs inside it, so its time is in there. */
async function costOf(world: World, rpc: RpcClient, store: string, take: () => Promise<string[]>): Promise<number> {
  const events = await watch(world.chain.wsUrl, world.record.contracts.InferenceHub.address);
  const daemon = await world.start(["--store-path", store]);
  try {
    const serve = async (raws: readonly string[]): Promise<void> => {
      events.reset();
      for (const raw of raws) await rpc.call("eth_sendRawTransaction", [raw]);
      await events.count(raws.length);
    };
    const raws = await take();
    await serve(raws.slice(0, WARM_UP));
    const before = cpuMs(daemon.child.process.pid);
    await serve(raws.slice(WARM_UP));
    return (cpuMs(daemon.child.process.pid) - before) / SAMPLES;
  } finally {
    events.close();
    await daemon.child.stop();
  }
}

/** What a request costs the executor when its store holds 100,000 finished jobs, over an empty one. */
export async function measureGrowth(): Promise<Record<string, number>> {
  const world = await openWorld("hardhat");
  const rpc = new RpcClient({ urls: [world.chain.url], timeoutMs: 60_000 });
  try {
    const hub = world.record.contracts.InferenceHub;
    const abi = new Interface(hub.abi as never);
    const input = hexlify(encodeTensorSet(goldenSets("liquidation_risk")[0]?.inputs ?? []));
    const terms = hexlify(encodeTerms(standardTerms({ deadline: (await world.now()) + 360_000 })));
    const signed = await Signed.open(rpc, localKey(8));
    let salt = 0;
    const requests = (count: number): Promise<string[]> =>
      signed.many(count, () => ({
        to: hub.address,
        data: abi.encodeFunctionData("request", [
          committedModel("liquidation_risk").hash,
          input,
          terms,
          toBeHex(++salt, 32),
        ]),
        value: 10n ** 15n,
      }));
    const [empty, full] = [join(world.dataDir, "empty.sqlite"), join(world.dataDir, "full.sqlite")];
    await costOf(world, rpc, empty, () => requests(WARM_UP + SAMPLES));
    await grown(empty, full);
    const costs: { empty: number[]; full: number[] } = { empty: [], full: [] };
    for (let run = 0; run < RUNS; run++) {
      // In turns, so that what else the machine does weighs on both alike.
      costs.empty.push(await costOf(world, rpc, empty, () => requests(WARM_UP + SAMPLES)));
      costs.full.push(await costOf(world, rpc, full, () => requests(WARM_UP + SAMPLES)));
    }
    return { "growth.ratio": median(costs.full) / median(costs.empty), "growth.cpuMs": median(costs.empty) };
  } finally {
    rpc.close();
    await world.end();
  }
}

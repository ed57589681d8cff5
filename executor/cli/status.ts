import { z } from "zod";
import { AssayError } from "../domain/errors";
import { hex32 } from "../domain/ids";
import type { CliCommand } from "./command";
import { say, sayJson, sayRows } from "./output";

const count = z.record(z.string(), z.number());
const statusSchema = z.object({
  ready: z.boolean(),
  head: z.object({ number: z.number(), timestamp: z.number() }).loose().nullable(),
  operator: z.string().optional(),
  jobs: count,
  inWork: z.number(),
  enclaves: z.array(
    z
      .object({
        signer: z.string(),
        trust: z.number(),
        level: z.number(),
        epochEnd: z.number(),
        heartbeatDue: z.number(),
        draining: z.boolean(),
      })
      .loose(),
  ),
  decisions: z.array(
    z
      .object({
        request: z.object({ requestId: z.string() }).loose(),
        outcome: z.object({ ok: z.boolean() }).loose(),
      })
      .loose(),
  ),
});
const requestSchema = z
  .object({
    state: z.string(),
    reason: z.string().nullish(),
    timeline: z.array(
      z.object({
        step: z.string(),
        hostMs: z.number(),
        detail: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
      }),
    ),
  })
  .loose();

async function read<T>(url: string, schema: z.ZodType<T>): Promise<T> {
  let response: Response;
  try {
    response = await fetch(url, { signal: AbortSignal.timeout(5_000) });
  } catch (cause) {
    throw new AssayError({
      code: "STATUS_UNREACHABLE",
      message: `no executor answers at ${new URL(url).origin}; is it running (npm run executor), and on this port (--url)?`,
      retry: "later",
      cause,
    });
  }
  if (response.status === 404)
    throw new AssayError({ code: "STATUS_UNKNOWN_REQUEST", message: "this executor has not seen that request" });
  const parsed = response.ok ? schema.safeParse(await response.json()) : undefined;
  if (parsed?.success !== true)
    throw new AssayError({
      code: "STATUS_MALFORMED",
      message: `what answers at ${new URL(url).origin} is no executor of this version (HTTP ${response.status})`,
    });
  return parsed.data;
}

/** `assay status`: what a running executor does, or the timeline of one request in it. */
export const statusCommand: CliCommand = {
  define: (program) => {
    program
      .command("status")
      .description("what a running executor does; with a request id, that request's timeline")
      .argument("[requestId]")
      .option("--url <url>", "address of the executor's status", "http://127.0.0.1:9464")
      .option("--json", "print one JSON object")
      .action(async (requestId: string | undefined, options: { url: string; json?: boolean }) => {
        if (!URL.canParse(options.url))
          throw new AssayError({ code: "CLI_URL_INVALID", message: "--url takes an address" });
        const base = options.url.replace(/\/$/, "");
        if (requestId !== undefined) {
          const id = hex32(requestId);
          const found = await read(`${base}/requests/${id}`, requestSchema);
          if (options.json === true) return sayJson(found);
          const { formatTimeline } = await import("../observability/timeline.js");
          const reason = found.reason == null ? "" : ` (${found.reason})`;
          return say(formatTimeline({ title: `${id}: ${found.state}${reason}`, rows: found.timeline }));
        }
        const status = await read(`${base}/status`, statusSchema);
        if (options.json === true) return sayJson(status);
        say(
          `${status.ready ? "ready" : "not ready"}, block ${status.head?.number ?? "unknown"}, operator ${status.operator ?? "-"}, in work ${status.inWork}`,
        );
        sayRows(
          Object.entries(status.jobs)
            .filter(([, n]) => n > 0)
            .map(([state, n]) => [`  ${state}`, String(n)]),
        );
        for (const e of status.enclaves)
          say(
            `  enclave ${e.signer}, level ${e.level}, trust ${e.trust}, epoch until ${e.epochEnd}, heartbeat due ${e.heartbeatDue}${e.draining ? ", draining" : ""}`,
          );
        // Only what was not served needs words: each candidate with its typed reason.
        for (const { request, outcome } of status.decisions.filter((d) => !d.outcome.ok))
          say(`  not matched ${request.requestId}: ${JSON.stringify(outcome)}`);
      });
  },
};

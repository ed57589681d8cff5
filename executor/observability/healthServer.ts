import Fastify from "fastify";
import { isOwnHost, type ListenArgs, listenError, listensAt } from "../domain/localServer";

export interface Readiness {
  readonly ready: boolean;
  /** One word for each part and whether it is ready. */
  readonly parts: Readonly<Record<string, boolean>>;
}

export interface HealthServerArgs extends ListenArgs {
  readonly readiness: () => Promise<Readiness>;
  /** Jobs, enclaves, refusals …; anything that JSON can hold, and bigints. */
  readonly status: () => Promise<unknown>;
  /** The life of one request by its id; undefined for one that is not known. */
  readonly request?: (requestId: string) => Promise<unknown>;
  readonly metrics: { readonly contentType: string; metrics(): Promise<string> };
  /** Told of a provider that threw; the asker only learns that it did. */
  readonly onError: (error: unknown) => void;
}

export interface HealthServer {
  /** Where it listens, with the port it got. */
  readonly url: string;
  close(): Promise<void>;
}

/**
 * Serves `/healthz` (the process answers), `/readyz` (200 or 503 with the parts), `/metrics` (Prometheus text), `/status` (JSON) and
 * `/requests/<id>` (JSON).
 * Nothing can be changed through it.
 * @throws AssayError `OBSERVABILITY_PORT_TAKEN`, `OBSERVABILITY_LISTEN_FAILED`
 */
export async function startHealthServer(args: HealthServerArgs): Promise<HealthServer> {
  const server = Fastify({ logger: false, bodyLimit: 1024, forceCloseConnections: true, requestTimeout: 10_000 });
  server.addHook("onRequest", async (request, reply) => {
    if (!isOwnHost(args, request.hostname)) return reply.code(421).send({ error: "OBSERVABILITY_WRONG_HOST" });
    return undefined;
  });
  server.setErrorHandler((error, _request, reply) => {
    args.onError(error);
    return reply.code(500).send({ error: "OBSERVABILITY_PROVIDER_FAILED" });
  });
  server.setNotFoundHandler((_request, reply) => reply.code(404).send({ error: "OBSERVABILITY_NO_SUCH_PAGE" }));
  server.get("/healthz", async () => ({ alive: true }));
  server.get("/readyz", async (_request, reply) => {
    const readiness = await args.readiness();
    return reply.code(readiness.ready ? 200 : 503).send(readiness);
  });
  server.get("/metrics", async (_request, reply) =>
    reply.type(args.metrics.contentType).send(await args.metrics.metrics()),
  );
  server.get("/status", async (_request, reply) => reply.type(JSON_TYPE).send(jsonOf(await args.status())));
  server.get<{ Params: { id: string } }>("/requests/:id", async ({ params: { id } }, reply) => {
    const found = /^0x[0-9a-fA-F]{64}$/.test(id) ? await args.request?.(id.toLowerCase()) : undefined;
    if (found === undefined) return reply.code(404).send({ error: "OBSERVABILITY_NO_SUCH_REQUEST" });
    return reply.type(JSON_TYPE).send(jsonOf(found));
  });
  try {
    await server.listen({ host: args.host, port: args.port });
  } catch (cause) {
    await server.close();
    throw listenError("OBSERVABILITY", "--http-port", args, cause);
  }
  return { url: `http://${listensAt(args, server.server.address())}`, close: () => server.close() };
}

const JSON_TYPE = "application/json; charset=utf-8";

function jsonOf(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => (typeof inner === "bigint" ? inner.toString() : inner));
}

import { isIPv6 } from "node:net";
import Fastify, { type FastifyInstance } from "fastify";
import { AssayError } from "../domain/errors";

export interface Readiness {
  readonly ready: boolean;
  /** One word for each part and whether it is ready. */
  readonly parts: Readonly<Record<string, boolean>>;
}

export interface HealthServerArgs {
  readonly host: string;
  /** 0 takes a free port. */
  readonly port: number;
  /** Without it, only requests that name this host or loopback are answered. */
  readonly allowRemote?: boolean;
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
  guardHost(server, args);
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
    const taken = cause instanceof Error && "code" in cause && cause.code === "EADDRINUSE";
    throw new AssayError({
      code: taken ? "OBSERVABILITY_PORT_TAKEN" : "OBSERVABILITY_LISTEN_FAILED",
      message: taken
        ? `port ${args.port} is taken by another process; choose another with --http-port`
        : `can not listen on ${args.host}:${args.port}`,
      context: { host: args.host, port: args.port },
      cause,
    });
  }
  const bound = server.server.address();
  const port = typeof bound === "object" && bound !== null ? bound.port : args.port;
  return { url: `http://${isIPv6(args.host) ? `[${args.host}]` : args.host}:${port}`, close: () => server.close() };
}

const JSON_TYPE = "application/json; charset=utf-8";

function jsonOf(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => (typeof inner === "bigint" ? inner.toString() : inner));
}

/** A web page can point a name of its own at 127.0.0.1 (DNS rebinding) and read what a browser fetches there; its name gives it away. */
function guardHost(server: FastifyInstance, args: HealthServerArgs): void {
  if (args.allowRemote === true) return;
  const known = new Set(["localhost", "127.0.0.1", "::1", args.host]);
  server.addHook("onRequest", async (request, reply) => {
    const name = request.hostname.replace(/^\[|\]$/g, "");
    if (!known.has(name)) return reply.code(421).send({ error: "OBSERVABILITY_WRONG_HOST" });
    return undefined;
  });
}

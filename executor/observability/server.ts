import Fastify from "fastify";
import { AssayError } from "../domain/errors";

export interface StatusServer {
  readonly url: string;
  close(): Promise<void>;
}

export interface StatusRoutes {
  readonly ready: () => boolean;
  readonly metrics: () => Promise<{ type: string; text: string }>;
  readonly status: () => Promise<unknown>;
  /** Undefined for a request that is not known. */
  readonly request: (id: string) => Promise<unknown>;
}

/**
 * `/healthz` (the process lives), `/readyz` (it serves), `/metrics`, `/status`, `/requests/<id>`. Nothing here changes anything or asks for
 * a password, which is why it belongs on a loopback address.
 * @throws AssayError `HTTP_PORT_TAKEN`
 */
export async function startStatusServer(args: { host: string; port: number; routes: StatusRoutes }): Promise<StatusServer> {
  const { routes } = args;
  const app = Fastify({ logger: false });
  app.get("/healthz", async () => ({ ok: true }));
  app.get("/readyz", async (_, reply) => reply.code(routes.ready() ? 200 : 503).send({ ready: routes.ready() }));
  app.get("/metrics", async (_, reply) => {
    const { type, text } = await routes.metrics();
    return reply.type(type).send(text);
  });
  app.get("/status", () => routes.status());
  app.get<{ Params: { id: string } }>("/requests/:id", async ({ params }, reply) => {
    const found = /^0x[0-9a-fA-F]{64}$/.test(params.id) ? await routes.request(params.id.toLowerCase()) : undefined;
    return found === undefined ? reply.code(404).send({ code: "REQUEST_UNKNOWN" }) : found;
  });
  try {
    const url = await app.listen({ host: args.host, port: args.port });
    return { url, close: () => app.close() };
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "EADDRINUSE") throw cause;
    throw new AssayError({
      code: "HTTP_PORT_TAKEN",
      message: `port ${args.port} is taken by another program; choose another with --http-port, or 0 for a free one`,
      context: { host: args.host, port: args.port },
      cause,
    });
  }
}

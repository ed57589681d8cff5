import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { AssayError } from "../domain/errors";
import { isOwnHost, type ListenArgs, listenError, listensAt } from "../domain/localServer";
import { FrontRouter, failureText, type RouterArgs, type Upstream } from "./frontRouter";
import { attachSockets } from "./frontSocket";
import { INVALID_REQUEST } from "./jsonRpc";
import type { PipeCaller } from "./pipePorts";

export interface JsonRpcFrontArgs extends ListenArgs, Pick<RouterArgs, "gate" | "devMethods" | "onError"> {
  readonly upstream: Upstream & {
    /** The node's WebSocket; without one, the front takes no sockets. */
    readonly wsUrl?: string;
  };
  /**
   * Web pages that may ask (`https://app.example`); browser extensions and whatever is no browser always may. A browser lets any page send to this
   * machine, and a page must not spend its operator's money.
   */
  readonly allowOrigins?: readonly string[];
  /** Largest message, by default 8 MiB. */
  readonly maxBodyBytes?: number;
  /** Most calls of a batch, by default 1,000. */
  readonly maxBatch?: number;
}

export interface JsonRpcFront {
  readonly url: string;
  readonly wsUrl: string;
  /** Ends what is open, sockets too; answers that are not out are lost, what the gate took is not. */
  close(): Promise<void>;
}

const MAX_BODY_BYTES = 8 * 2 ** 20;
const MAX_BATCH = 1_000;
/** For the whole of a message to arrive. Answers may take as long as the gate needs. */
const REQUEST_TIMEOUT_MS = 30_000;
const JSON_TYPE = "application/json; charset=utf-8";
const EXTENSION = /^(chrome|moz|safari-web)-extension:\/\//;
const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|::1)$/;

/**
 * The address that wallets point at: JSON-RPC 2.0 by POST on `/` and `/v1/<API key>`, and by WebSocket on the same paths. What PIPE does is answered here,
 * everything else by the node (docs/pipe.md).
 * @throws AssayError `INTAKE_HOST_NOT_ALLOWED`, `INTAKE_PORT_TAKEN`, `INTAKE_LISTEN_FAILED`
 */
export async function startJsonRpcFront(args: JsonRpcFrontArgs): Promise<JsonRpcFront> {
  if (args.allowRemote !== true && !LOOPBACK.test(args.host)) {
    throw new AssayError({
      code: "INTAKE_HOST_NOT_ALLOWED",
      message: `${args.host} can be reached by other machines; allow that if it is meant`,
      context: { host: args.host },
    });
  }
  const maxBodyBytes = args.maxBodyBytes ?? MAX_BODY_BYTES;
  const router = new FrontRouter({
    gate: args.gate,
    upstream: args.upstream,
    devMethods: args.devMethods,
    maxBatch: args.maxBatch ?? MAX_BATCH,
    onError: args.onError,
  });
  const server = Fastify({
    logger: false,
    bodyLimit: maxBodyBytes,
    forceCloseConnections: true,
    requestTimeout: REQUEST_TIMEOUT_MS,
  });
  guard(server, args);
  const answer = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const text = await router.answer(router.parse(String(request.body)), callerOf(request));
    return text === undefined ? reply.code(204).send() : reply.type(JSON_TYPE).send(text);
  };
  server.post("/", answer);
  server.post("/v1/:apiKey", answer);
  const sockets =
    args.upstream.wsUrl === undefined
      ? undefined
      : attachSockets(server.server, {
          router,
          upstreamUrl: args.upstream.wsUrl,
          maxMessageBytes: maxBodyBytes,
          admit: ({ url, headers, remote }) => {
            const key = pathKey(url);
            if (key === undefined || !isOwnHost(args, hostnameOf(headers.host)) || !mayAsk(args, headers.origin))
              return undefined;
            return { apiKey: bearer(headers.authorization) ?? key.apiKey, remote };
          },
          onError: args.onError,
        });
  try {
    await server.listen({ host: args.host, port: args.port });
  } catch (cause) {
    await server.close();
    throw listenError("INTAKE", "--pipe-port", args, cause);
  }
  const at = listensAt(args, server.server.address());
  return {
    url: `http://${at}`,
    wsUrl: `ws://${at}`,
    close: async () => {
      await sockets?.close();
      await server.close();
    },
  };
}

function guard(server: FastifyInstance, args: JsonRpcFrontArgs): void {
  // Only what says that it is JSON: a page of another origin can not send that without being asked for first (CORS).
  server.removeAllContentTypeParsers();
  server.addContentTypeParser("application/json", { parseAs: "string" }, (_request, body, done) => done(null, body));
  server.addHook("onRequest", async (request, reply) => {
    if (!isOwnHost(args, request.hostname))
      return reply.code(421).type(JSON_TYPE).send(failureText("this address is not served under that name"));
    const { origin } = request.headers;
    if (!mayAsk(args, origin))
      return reply.code(403).type(JSON_TYPE).send(failureText("this page may not ask here; its origin is not allowed"));
    if (origin === undefined) return undefined;
    reply.header("access-control-allow-origin", origin).header("vary", "origin");
    if (request.method !== "OPTIONS") return undefined;
    return reply
      .code(204)
      .header("access-control-allow-methods", "POST")
      .header("access-control-allow-headers", "content-type, authorization")
      .send();
  });
  server.setNotFoundHandler((_request, reply) =>
    reply.code(404).type(JSON_TYPE).send(failureText("JSON-RPC is answered to POST / and POST /v1/<API key>")),
  );
  server.setErrorHandler((error: { statusCode?: number }, _request, reply) => {
    const status = error.statusCode ?? 500;
    if (status >= 500) args.onError(error);
    const words: Readonly<Record<number, string>> = {
      413: "the message is too large; nothing of it was looked at",
      415: "send application/json",
    };
    const text =
      status >= 500
        ? failureText("internal error; whether it took effect is not known")
        : failureText(words[status] ?? "the request could not be read; nothing of it was looked at", INVALID_REQUEST);
    return reply.code(status).type(JSON_TYPE).send(text);
  });
}

function callerOf(request: FastifyRequest): PipeCaller {
  const { apiKey } = request.params as { apiKey?: string };
  return { apiKey: bearer(request.headers.authorization) ?? apiKey, remote: request.ip };
}

const bearer = (header: string | undefined): string | undefined => /^Bearer +(\S+)$/i.exec(header ?? "")?.[1];

/** The key in a socket's path; undefined for a path that is not served. */
function pathKey(url: string): { readonly apiKey: string | undefined } | undefined {
  const [path = ""] = url.split("?");
  if (path === "/") return { apiKey: undefined };
  const key = /^\/v1\/([^/]+)$/.exec(path)?.[1];
  return key === undefined ? undefined : { apiKey: key };
}

function mayAsk(args: JsonRpcFrontArgs, origin: string | undefined): boolean {
  return origin === undefined || EXTENSION.test(origin) || (args.allowOrigins ?? []).includes(origin);
}

const hostnameOf = (host: string | undefined): string => (host ?? "").replace(/:\d+$/, "");

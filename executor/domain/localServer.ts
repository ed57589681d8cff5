import { AssayError } from "./errors";

/** Where a server of this process listens, and whether other machines may reach it. */
export interface ListenArgs {
  readonly host: string;
  /** 0 takes a free port. */
  readonly port: number;
  /** Without it, only requests that name this host or loopback are answered. */
  readonly allowRemote?: boolean;
}

/**
 * Whether a request names a host under which this server is meant to be reached. A web page can point a name of its own at 127.0.0.1 (DNS rebinding)
 * and read what a browser fetches there; its name gives it away.
 */
export function isOwnHost(args: ListenArgs, hostname: string): boolean {
  if (args.allowRemote === true) return true;
  const name = hostname.replace(/^\[|\]$/g, "");
  return name === args.host || name === "localhost" || name === "127.0.0.1" || name === "::1";
}

/** `<STAGE>_PORT_TAKEN` or `<STAGE>_LISTEN_FAILED`, with the flag that names another port. */
export function listenError(stage: string, flag: string, args: ListenArgs, cause: unknown): AssayError {
  const taken = cause instanceof Error && "code" in cause && cause.code === "EADDRINUSE";
  return new AssayError({
    code: taken ? `${stage}_PORT_TAKEN` : `${stage}_LISTEN_FAILED`,
    message: taken
      ? `port ${args.port} is taken by another process; choose another with ${flag}`
      : `can not listen on ${args.host}:${args.port}`,
    context: { host: args.host, port: args.port },
    cause,
  });
}

/** The host and port of a listening server, given what it says of itself; the scheme is the caller's. */
export function listensAt(args: ListenArgs, bound: string | { readonly port: number } | null): string {
  const port = typeof bound === "object" && bound !== null ? bound.port : args.port;
  return `${args.host.includes(":") ? `[${args.host}]` : args.host}:${port}`;
}

import type { RpcClient } from "./client";
import { httpEndpoint } from "./transport";

/** What the JSON-RPC front passes on to: the node in use now, its texts as they are. */
export function rpcUpstream(rpc: RpcClient, wsUrl: string | undefined, timeoutMs: number) {
  const endpoints = new Map<string, ReturnType<typeof httpEndpoint>>();
  return {
    send: (body: string): Promise<string> => {
      const url = rpc.activeUrl;
      const endpoint = endpoints.get(url) ?? httpEndpoint(url);
      endpoints.set(url, endpoint);
      return endpoint.send(body, timeoutMs);
    },
    ...(wsUrl === undefined ? {} : { wsUrl }),
    close: (): void => {
      for (const endpoint of endpoints.values()) endpoint.close();
    },
  };
}

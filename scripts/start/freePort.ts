import net from "node:net";

/**
 * A TCP port of 127.0.0.1 that nobody listens on now. Another process may take it before you do: whoever starts a
 * server on it must be ready to try again (`startChain` is).
 */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => {
        if (address === null || typeof address === "string") reject(new Error("a TCP server without a port"));
        else resolve(address.port);
      });
    });
  });
}

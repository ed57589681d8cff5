import { join } from "node:path";

/** Where the development root of the local platform lies in a data folder. It vouches for every enclave of a deployment, so it is never committed. */
export const platformRootPath = (dataDir: string): string => join(dataDir, "platform-root.pem");

/** The same for documents of AWS's format: a root with its CAs. */
export const nitroRootPath = (dataDir: string): string => join(dataDir, "nitro-root.pem");

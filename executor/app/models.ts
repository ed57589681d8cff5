import { join } from "node:path";
import { BlobSource, KeepingSource } from "../availability/blobSource";
import { FileBlobStore } from "../availability/fileBlobStore";
import { FolderSource } from "../availability/folderSource";
import { GatewaySource } from "../availability/gatewaySource";
import { ModelLibrary } from "../availability/modelLibrary";
import type { Config } from "../config/loadConfig";

/** The operator's models: the folder first, then what was downloaded before, then the gateways in their order. */
export function modelLibrary(config: Config, onKeepFailed: (error: unknown) => void): ModelLibrary {
  const maxBytes = config.maxModelBytes;
  const store = new FileBlobStore(join(config.dataDir, "models"));
  const timeoutMs = 1_000 * config.modelTimeoutSeconds;
  const gateways = config.modelUrls.map(
    (gateway) => new KeepingSource({ inner: new GatewaySource({ gateway, maxBytes, timeoutMs }), store, onKeepFailed }),
  );
  const sources = [new FolderSource({ folder: config.modelsDir, maxBytes }), new BlobSource(store), ...gateways];
  return new ModelLibrary({ sources, cacheBytes: config.modelCacheBytes });
}

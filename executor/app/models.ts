import { folderSource } from "../availability/folder";
import { gatewaySource } from "../availability/gateway";
import { layered } from "../availability/layers";
import type { ModelSource } from "../availability/ports";
import type { Config } from "../config/loadConfig";

/** The operator's models: the folder first, then the gateways in their order. */
export function modelSource(config: Config): ModelSource {
  const maxBytes = config.maxModelBytes;
  const gateways = config.modelUrls.map((url) => gatewaySource({ url, maxBytes, timeoutMs: 1_000 * config.modelTimeoutSeconds }));
  return layered({ sources: [folderSource({ folder: config.modelsDir, maxBytes }), ...gateways], cacheBytes: config.modelCacheBytes });
}

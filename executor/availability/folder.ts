import { createHash } from "node:crypto";
import { readFileSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Hex32 } from "../domain/ids";
import type { ModelSource } from "./ports";

/**
 * The `.onnx` files below a folder, by their sha-256. An unknown hash makes it look again, at most once a second, so that a model that was
 * just copied there is found and a flood of unknown hashes does not keep the disk busy. Files are hashed again when they are read.
 */
export function folderSource(args: { folder: string; maxBytes: number; nowMs?: () => number }): ModelSource {
  const nowMs = args.nowMs ?? Date.now;
  let index = new Map<string, string>();
  let scannedAt = Number.NEGATIVE_INFINITY;
  const scan = (): void => {
    scannedAt = nowMs();
    index = new Map(onnxFiles(args.folder).flatMap((file) => (statSync(file).size > args.maxBytes ? [] : [[hashOf(readFileSync(file)), file] as const])));
  };
  return {
    get: async (hash) => {
      if (!index.has(hash) && nowMs() - scannedAt >= 1_000) scan();
      const file = index.get(hash);
      if (file === undefined) return undefined;
      const bytes = readFileSync(file);
      if (hashOf(bytes) === hash) return bytes;
      // The file changed under its name: what it is now is found by the next scan.
      index.delete(hash);
      return undefined;
    },
  };
}

export const hashOf = (bytes: Uint8Array): Hex32 => `0x${createHash("sha256").update(bytes).digest("hex")}` as Hex32;

function onnxFiles(folder: string): string[] {
  try {
    return readdirSync(folder, { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".onnx"))
      .sort()
      .map((file) => join(folder, file));
  } catch (error) {
    // No folder is an empty one; a folder that can not be read is the operator's to know of.
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

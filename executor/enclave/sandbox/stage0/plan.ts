import * as z from "zod/mini";

/** What a launcher without bubblewrap hands to stage 0, over a descriptor and not in argv, which everybody on the host can read. */
export const planSchema = z.strictObject({
  kind: z.enum(["namespaces", "landlock"]),
  files: z.array(z.strictObject({ inside: z.string(), host: z.string() })),
  filter: z.string(),
  nodePath: z.string(),
  args: z.array(z.string()),
  env: z.record(z.string(), z.string()),
});
export type Stage0Plan = z.infer<typeof planSchema>;

import * as z from "zod/mini"

/** One line of what the demo fleet prints when a simulated host is there. */
export const DemoHost = z.object({
  host_id: z.string().check(z.regex(/^[a-z0-9-]{1,40}$/)),
  name: z.string(),
  llama_swap_url: z.url(),
  nvidia_smi: z.string(),
  env: z.optional(z.record(z.string(), z.string())),
})
export type DemoHost = z.infer<typeof DemoHost>

const DemoLine = z.union([DemoHost, z.object({ ready: z.literal(true) })])

/** Null: a line that says nothing to us, such as a warning. */
export function parseDemoLine(text: string): DemoHost | "ready" | null {
  if (!text.startsWith("{")) return null
  try {
    const line = DemoLine.parse(JSON.parse(text))
    return "ready" in line ? "ready" : line
  } catch {
    return null
  }
}

import * as z from "zod/mini"
import { GpuInventory, Hardware } from "@boocontrol/shared/hosts"
import { GpuProcess } from "@boocontrol/shared/telemetry"

/** Longer than any healthy machine takes, and short enough that a hung driver does not gather processes. */
export const FACTS_TIMEOUT_MS = 20_000

export const StaticFacts = z.omit(Hardware, { gpus: true })
export type StaticFacts = z.infer<typeof StaticFacts>

/** The one line the facts process prints. */
export const FactsReply = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("machine"), machine: StaticFacts }),
  z.object({ kind: z.literal("gpus"), gpus: z.array(GpuInventory), processes: z.array(GpuProcess) }),
  z.object({ kind: z.literal("failed"), reason: z.string() }),
])
export type FactsReply = z.infer<typeof FactsReply>

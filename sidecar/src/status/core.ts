import * as z from "zod/mini"
import { PresenceData } from "@boocontrol/shared/hosts"
import { BootId, HostId, InstanceId } from "@boocontrol/shared/ids"
import { epochMsOf, Instant, instantOf } from "@boocontrol/shared/time"
import type { Refusal } from "../publish/core.ts"

/** What a running sidecar leaves in its spool folder for `status`. */
export const SidecarStatus = z.object({
  v: z.literal(1),
  pid: z.int(),
  host: HostId,
  instance: InstanceId,
  boot: BootId,
  at: Instant,
  nats: z.object({ connected: z.boolean(), problem: z.nullable(z.string()) }),
  refused: z.nullable(z.object({ holder: z.string(), since: Instant })),
  presence: PresenceData,
})
export type SidecarStatus = z.infer<typeof SidecarStatus>

export interface StatusParts extends Pick<
  SidecarStatus,
  "pid" | "host" | "instance" | "boot" | "nats" | "presence"
> {
  refusal: Refusal | null
}

export function statusOf(parts: StatusParts): SidecarStatus {
  const { pid, host, instance, boot, nats, presence, refusal } = parts
  return {
    v: 1,
    ...{ pid, host, instance, boot, nats, presence },
    at: presence.clock.now,
    refused: refusal ? { holder: refusal.holder, since: instantOf(refusal.sinceMs) } : null,
  }
}

// The file is written on change and every half minute; older means that nobody writes it any more.
const STALE_MS = 90_000

export function isStale(status: SidecarStatus, now: number): boolean {
  return now - epochMsOf(status.at) > STALE_MS
}

/** The state in words, one fact a line. */
export function statusLines(status: SidecarStatus, now: number): string[] {
  const { presence, nats, refused } = status
  const { engine, gpu_feed: feed, spool, hardware } = presence
  const ageS = Math.round((now - epochMsOf(status.at)) / 1_000)
  const lines = [
    `host        ${status.host}${presence.simulated === true ? " (simulated)" : ""}, sidecar ${presence.sidecar_version}, process ${status.pid}`,
    `as of       ${status.at} (${ageS} s ago)${isStale(status, now) ? ": the sidecar is not running, or hangs" : ""}`,
    `nats        ${nats.connected ? "connected" : `not connected: ${nats.problem ?? "unknown"}`}`,
    `llama-swap  ${engine.liveness}${engine.version === null ? "" : `, ${engine.version}`}${engine.problem ? `: ${engine.problem.message}` : ""}`,
    `gpus        ${feed.state}${feed.source === null ? "" : ` from ${feed.source}`}${feed.reason === null ? "" : `: ${feed.reason}`}`,
    ...hardware.gpus.map(
      (gpu) =>
        `            ${gpu.index}: ${gpu.name ?? "unknown"}${gpu.memory_total_mib === null ? "" : `, ${gpu.memory_total_mib} MiB`}`,
    ),
    `waiting     ${spool.depth} messages, ${Math.round(spool.bytes / 1_024)} KiB${spool.oldest_at === null ? "" : `, the oldest of ${spool.oldest_at}`}; given up: ${spool.dropped}`,
    ...(spool.problem === undefined ? [] : [`            ${spool.problem}`]),
    `advertised  ${presence.advertise_url ?? "no address"}`,
    `rejected    ${presence.rejected} messages that made no sense; the clock stepped ${presence.clock.steps} times`,
  ]
  if (refused)
    lines.splice(
      2,
      0,
      `refused     another sidecar (${refused.holder}) holds this host id since ${refused.since}: this one publishes nothing`,
    )
  return lines
}

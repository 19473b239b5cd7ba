import type { FleetHost } from "@boocontrol/shared/fleet"
import type { PerfSample } from "@boocontrol/shared/telemetry"
import { epochMsOf } from "@boocontrol/shared/time"
import { ago, count, plural, since } from "../../kit/format.ts"
import type { Tone } from "../../kit/tone.ts"
import { loadWords } from "./models.ts"

export interface Trouble {
  readonly tone: Tone
  /** Short enough for one line of a card. */
  readonly text: string
  /** What it means and what to do. */
  readonly title: string
}

// A few waiting messages are the normal breath of a spool; this many say that the road is blocked.
const SPOOL_BACKLOG = 200

/** Everything about a host that its operator should know, worst first. */
export function troublesOf(host: FleetHost, sample: PerfSample | null, nowMs: number): Trouble[] {
  const found = [
    ...standing(host, nowMs),
    ...spoolTroubles(host, nowMs),
    ...broken(host, sample),
    ...passing(host, nowMs),
  ]
  return found.sort((a, b) => weight(a.tone) - weight(b.tone))
}

export type Pulse = "ok" | "warn" | "bad" | "off"

/** The dot beside the name, in words as well. */
export function pulseOf(host: FleetHost, troubles: readonly Trouble[]): { tone: Pulse; words: string } {
  if (!host.enabled) return { tone: "off", words: "disabled" }
  if (host.last_seen_at === null) return { tone: "off", words: "never heard from" }
  if (troubles.some((trouble) => trouble.tone === "bad")) return { tone: "bad", words: "needs attention" }
  if (host.liveness === "down") return { tone: "off", words: "down" }
  if (host.liveness === "reconnecting") return { tone: "warn", words: "reconnecting" }
  const warm = host.models.some((model) => model.state === "starting" || model.state === "stopping")
  return warm ? { tone: "warn", words: "connected, a model is starting" } : { tone: "ok", words: "connected" }
}

/** Whether it is there at all. */
function standing(host: FleetHost, nowMs: number): Trouble[] {
  if (!host.enabled) {
    return [
      { tone: "unknown", text: "disabled", title: "Not recorded, routed to or offered; its history stays" },
    ]
  }
  if (host.last_seen_at === null) {
    return [
      { tone: "unknown", text: "never heard from", title: "Enrolled, but its sidecar has not spoken yet" },
    ]
  }
  const seen = `last seen ${ago(nowMs - epochMsOf(host.last_seen_at))}`
  if (host.liveness === "down")
    return [{ tone: "unknown", text: `down · ${seen}`, title: "What is shown is the last known" }]
  if (host.liveness === "reconnecting") {
    return [
      {
        tone: "warn",
        text: `reconnecting · ${seen}`,
        title: "Its engine or its sidecar does not answer right now",
      },
    ]
  }
  return []
}

/** What somebody has to mend. */
function broken(host: FleetHost, sample: PerfSample | null): Trouble[] {
  const found: Trouble[] = []
  if (host.problem) found.push({ tone: "bad", text: host.problem.message, title: host.problem.message })
  if (host.twin) {
    found.push({
      tone: "bad",
      text: "a twin was refused",
      title: `Another sidecar (${host.twin.instance}) claims this host id: give it its own BOO_HOST_ID, or stop it`,
    })
  }
  if (sample?.gpu?.some((gpu) => gpu.state === "lost")) {
    found.push({ tone: "bad", text: "GPU lost", title: "The driver says that a card is gone" })
  }
  const failed = host.models.find((model) => model.state === "error")
  if (failed) {
    found.push({
      tone: "bad",
      text: `${failed.id} failed`,
      title: failed.error ?? "It stopped before it was ready",
    })
  }
  return found
}

function spoolTroubles({ spool }: FleetHost, nowMs: number): Trouble[] {
  const found: Trouble[] = []
  if (spool?.problem !== undefined) {
    const at = spool.problem_at ? ` since ${since(epochMsOf(spool.problem_at), nowMs)}` : ""
    found.push({
      tone: "bad",
      text: `spool not safe${at}`,
      title: `${spool.problem}. What waits would be lost if the sidecar or its machine stopped: free space on that disk, or let the sidecar write to its BOO_SPOOL_DIR`,
    })
  }
  if (spool && spool.dropped > 0) {
    const text = `${plural(spool.dropped, "record")} lost`
    found.push({ tone: "bad", text, title: "They did not fit on the host's disk spool" })
  }
  return found
}

/** What passes by itself, or is only worth knowing. */
function passing(host: FleetHost, nowMs: number): Trouble[] {
  const found: Trouble[] = []
  const starting = host.models.find((model) => model.state === "starting")
  if (starting) {
    const swapping = host.models.some((model) => model.state === "stopping") ? "swapping" : "loading"
    const words = loadWords(starting, nowMs)
    found.push({
      tone: "warn",
      text: words === null ? swapping : `${swapping}, ${words}`,
      title: `${starting.id} is being loaded`,
    })
  }
  if (host.spool && host.spool.depth >= SPOOL_BACKLOG) {
    const { depth, oldest_at: oldest } = host.spool
    const waiting = `${count(depth)} records wait on its disk`
    found.push({
      tone: "warn",
      text: oldest === null ? waiting : `${waiting}, the oldest from ${ago(nowMs - epochMsOf(oldest))}`,
      title: "They go to the hub as soon as the way is free; nothing is lost",
    })
  }
  if (host.rejected && host.rejected.count > 0) {
    const text = `${plural(host.rejected.count, "message")} not understood`
    found.push({ tone: "warn", text, title: `The newest: ${host.rejected.reason}` })
  }
  const feed = host.gpu_feed
  if (host.gpus.length > 0 && feed && (feed.state === "unavailable" || feed.state === "restarting")) {
    found.push({
      tone: "warn",
      text: "no GPU readings",
      title: feed.reason ?? "The GPU's tool gives no readings",
    })
  }
  return found
}

const WEIGHTS: Readonly<Record<Tone, number>> = { bad: 0, unknown: 1, warn: 2, lease: 3, ok: 4, idle: 5 }

function weight(tone: Tone): number {
  return WEIGHTS[tone]
}

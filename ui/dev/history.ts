import type { FleetHost } from "@boocontrol/shared/fleet"
import { HostId } from "@boocontrol/shared/ids"
import { Instant, epochMsOf, instantOf } from "@boocontrol/shared/time"
import type { StubState } from "./stub-state.ts"
import { sampleAt } from "./world.ts"

const GPU = ["util_pct", "mem_used_mib", "mem_total_mib", "temp_c", "power_w", "power_limit_w"] as const
const SYS = ["cpu_pct", "mem_used_mib", "mem_total_mib"] as const

interface Point {
  ts: string
  mean: number | null
  min: number | null
  max: number | null
}

/** Invented history with one hole in it, at a fixed share of the range. */
export function perfReply(state: StubState, query: URLSearchParams): unknown {
  const host = state.hosts.get(HostId.parse(query.get("provider_id")))
  if (!host) return null
  const to = epochMsOf(Instant.parse(query.get("to") ?? instantOf(Date.now())))
  const from = epochMsOf(Instant.parse(query.get("from") ?? instantOf(to - 3_600_000)))
  const points = Math.min(600, Number(query.get("points") ?? 600))
  const step = (to - from) / points
  const hole = { from: from + (to - from) * 0.38, to: from + (to - from) * 0.45 }
  const gpus = host.gpus.map((gpu) => ({
    index: gpu.index,
    uuid: gpu.uuid,
    name: gpu.name,
    series: Object.fromEntries(GPU.map((name): [string, Point[]] => [name, []])),
  }))
  const sys = Object.fromEntries(SYS.map((name): [string, Point[]] => [name, []]))
  for (let t = from; t < to; t += step) {
    if (t > hole.from && t < hole.to) continue
    const sample = sampleAt(host, t)
    const ts = instantOf(t)
    for (const gpu of gpus)
      for (const name of GPU) gpu.series[name]?.push(point(ts, sample?.gpu?.[gpu.index]?.[name]))
    for (const name of SYS) sys[name]?.push(point(ts, sample?.sys?.[name]))
  }
  return {
    provider_id: host.provider_id,
    tier: to - from > 6 * 3_600_000 ? "5m" : "raw",
    step_s: step / 1000,
    from: instantOf(from),
    to: instantOf(to),
    gpus,
    sys,
    missing: [{ from: instantOf(hole.from), to: instantOf(hole.to) }],
    backfilled: [],
  }
}

function point(ts: string, value: number | null | undefined): Point {
  const mean = value ?? null
  return { ts, mean, min: mean === null ? null : mean * 0.95, max: mean === null ? null : mean * 1.05 }
}

export function modelEvents(state: StubState, query: URLSearchParams): unknown {
  const wanted = query.get("provider_id")
  const kinds = query.getAll("state").flatMap((kind) => kind.split(","))
  const hosts = [...state.hosts.values()].filter((host) => wanted === null || host.provider_id === wanted)
  const rows = hosts
    .flatMap((host, index) => eventsOf(host, Date.now() - (index === 0 ? 0 : 32 * 60_000)))
    .filter((row) => kinds.length === 0 || kinds.includes(row.state))
    .sort((a, b) => (a.ts < b.ts ? 1 : -1))
  return { rows, next: null }
}

/** `now`: a gap of the first host is not a minute old, so that it is among the requests of a list's first page. */
function eventsOf(host: FleetHost, now: number) {
  const rows = host.models.flatMap((model, index) =>
    [0, 1, 2].flatMap((round) => {
      const start = Date.now() - (round * 16 + index * 5 + 6) * 60_000
      return [
        { model: model.id, state: "starting", at: start },
        { model: model.id, state: "ready", at: start + 9000 },
        { model: model.id, state: "stopped", at: start + 9 * 60_000 },
      ]
    }),
  )
  const span = { from: instantOf(now - 90_000), to: instantOf(now - 20_000) }
  const notes = [
    { model: "*", state: "gap_suspected", at: now - 20_000, detail: span },
    { model: "*", state: "swap_restarted", at: now - 20_000, detail: {} },
  ]
  return [...rows.filter(({ at }) => at < Date.now()), ...notes].map(({ at, ...row }) => ({
    ...{ provider_id: host.provider_id, detail: null, ...row, ts: instantOf(at) },
  }))
}

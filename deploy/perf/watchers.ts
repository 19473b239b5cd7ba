// A process of its own, so that its processor time is not counted: sockets that listen as cockpits do.
import { parseArgs } from "node:util"
import { percentile } from "./figures.ts"

export interface Seen {
  /** From emitted to received, by kind of frame, over all sockets. */
  latencies: Record<string, { n: number; p50: number; p99: number; max: number }>
  frames: number
  megabytes: number
  /** Holes in the `seq` of a host, frames that say "lagged", and sockets that were closed. */
  holes: number
  lagged: number
  closed: number
}

interface Told {
  type: string
  kind?: string
  provider_id?: string
  seq?: number
  seqs?: Record<string, number>
  event_at?: string | null
}

const KEPT_PER_KIND = 200_000

interface Watched {
  url: string
  sockets: number
  visible: number
  /** A host whose events are not measured. */
  except?: string | undefined
}

/** Frames are only looked at, not validated: that is the product's tests' to do. */
export function watch({ url, sockets, visible, except }: Watched): {
  /** What was seen since it was last asked. */
  read(): Seen
  end(): void
} {
  let measured = new Map<string, number[]>()
  let counts = { frames: 0, megabytes: 0, holes: 0, lagged: 0, closed: 0 }
  let isEnding = false

  const hear = (text: string, seqs: Map<string, number>): void => {
    counts.frames += 1
    counts.megabytes += text.length / 1e6
    const frame = JSON.parse(text) as Told
    if (frame.kind === "lagged") counts.lagged += 1
    if (frame.kind === "snapshot") for (const [id, seq] of Object.entries(frame.seqs ?? {})) seqs.set(id, seq)
    if (frame.kind === "delta" && frame.provider_id !== undefined && frame.seq !== undefined) {
      const before = seqs.get(frame.provider_id)
      if (before !== undefined && frame.seq > before + 1) counts.holes += 1
      if (before === undefined || frame.seq > before) seqs.set(frame.provider_id, frame.seq)
    }
    if (frame.event_at === undefined || frame.event_at === null || frame.provider_id === except) return
    const values = measured.get(frame.type) ?? []
    if (values.length < KEPT_PER_KIND) values.push(Date.now() - Date.parse(frame.event_at))
    measured.set(frame.type, values)
  }

  const open = Array.from({ length: sockets }, (_, n) => {
    const socket = new WebSocket(`${url.replace("http", "ws")}/api/control/ws`)
    const seqs = new Map<string, number>()
    const first = n * visible
    const hosts = Array.from({ length: visible }, (_, k) => `perf:load-${String(first + k).padStart(4, "0")}`)
    socket.addEventListener("open", () =>
      socket.send(JSON.stringify({ type: "subscribe", topics: ["fleet", "activity", "jobs", ...hosts] })),
    )
    socket.addEventListener("message", (event) => hear(String(event.data), seqs))
    socket.addEventListener("close", () => {
      if (!isEnding) counts.closed += 1
    })
    return socket
  })
  return {
    end() {
      isEnding = true
      for (const socket of open) socket.close()
    },
    read() {
      const latencies = [...measured].map(([type, values]) => {
        const [p50, p99, max] = [0.5, 0.99, 1].map((share) => percentile(values, share))
        return [type, { n: values.length, p50: p50 ?? 0, p99: p99 ?? 0, max: max ?? 0 }] as const
      })
      const seen = { latencies: Object.fromEntries(latencies), ...counts }
      measured = new Map()
      counts = { frames: 0, megabytes: 0, holes: 0, lagged: 0, closed: 0 }
      return seen
    },
  }
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      url: { type: "string" },
      sockets: { type: "string" },
      visible: { type: "string" },
      except: { type: "string" },
    },
  })
  const watching = watch({
    url: values.url ?? "",
    sockets: Number(values.sockets),
    visible: Number(values.visible),
    except: values.except,
  })
  process.on("message", () => process.send?.(watching.read()))
  process.on("disconnect", () => {
    watching.end()
    process.exit()
  })
}

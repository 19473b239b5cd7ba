import { once } from "node:events"
import { Worker } from "node:worker_threads"
import type { Config } from "./config.ts"
import { newCounters } from "./ingest/index.ts"
import type { OnRejected, Rejected } from "./ingest/index.ts"
import type { SampleCounters, SampleStore } from "./samples.ts"

/** What the thread is given; it connects by itself. */
export interface ThreadData {
  config: Pick<Config, "databaseUrl" | "nats" | "streams" | "retain" | "log">
}
/** What it says. Nothing is ever said to it but that it should stop. */
export type FromThread =
  | { kind: "started" }
  | { kind: "counters"; counters: SampleCounters }
  | { kind: "rejected"; rejected: Rejected }

export interface SamplesApartOptions {
  config: Config
  onRejected: OnRejected
}

const ENTRY = new URL("samples-thread.ts", import.meta.url)

/**
 * The store of samples on a thread of its own. Samples are most of what a hub reads, writes and throws away again; what
 * is live, and who asks the gateway, waits for none of it. A thread that fails ends the hub, as any part of it would.
 */
export function createSamplesApart({ config, onRejected }: SamplesApartOptions): SampleStore {
  const { databaseUrl, nats, streams, retain, log } = config
  let counters: SampleCounters = { ingest: newCounters(), samples: 0, nudged: 0 }
  let worker: Worker | null = null

  const heard = (message: FromThread): void => {
    if (message.kind === "counters") counters = message.counters
    else if (message.kind === "rejected") onRejected(message.rejected)
  }

  return {
    async start() {
      const data: ThreadData = { config: { databaseUrl, nats, streams, retain, log } }
      const started = new Worker(ENTRY, { workerData: data, name: "samples" })
      worker = started
      started.on("message", heard)
      await new Promise<void>((resolve, reject) => {
        started.once("error", reject)
        started.on("message", ({ kind }: FromThread) => kind === "started" && resolve())
      })
      // From here on nobody handles what it fails with.
      started.removeAllListeners("error")
    },
    async stop() {
      const ending = worker
      worker = null
      if (ending === null) return
      ending.postMessage("stop")
      await once(ending, "exit")
    },
    counters: () => counters,
  }
}

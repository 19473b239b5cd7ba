import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { connect } from "@nats-io/transport-node"
import { expect, inject, it, onTestFinished, vi } from "vitest"
import { parseEnvelope } from "@boocontrol/shared/envelope"
import type { EventData } from "@boocontrol/shared/envelope"
import { HostId } from "@boocontrol/shared/ids"
import { subjects } from "@boocontrol/shared/subjects"
import { createSidecar } from "./app.ts"
import { childEnvironment, readConfig } from "./config.ts"
import { systemClock } from "./platform/clock.ts"

const HOUR_MS = 3_600_000

/** A sidecar without engine and GPUs, on a machine whose clock can be set. */
async function sidecarOf(host: HostId) {
  const folder = mkdtempSync(join(tmpdir(), "boocontrol-app-"))
  let setByMs = 0
  const config = await readConfig(
    {},
    {
      BOO_HOST_ID: host,
      NATS_URL: inject("natsUrl"),
      LLAMA_SWAP_URL: "http://127.0.0.1:9",
      NVIDIA_SMI: "none",
      BOO_SPOOL_DIR: folder,
    },
  )
  const clock = systemClock({ wall: () => Date.now() + setByMs, monotonic: () => performance.now() })
  const log = { info: () => {}, warn: () => {} }
  const sidecar = createSidecar({ config, clock, log, environment: childEnvironment })
  onTestFinished(async () => {
    await sidecar.stop()
    rmSync(folder, { recursive: true, force: true })
  })
  return { sidecar, setClockBy: (ms: number) => void (setByMs += ms) }
}

it("notes that the clock of its machine was set, from when to when", async () => {
  const host = HostId.parse(`app-${process.pid}`)
  const client = await connect({ servers: inject("natsUrl") })
  onTestFinished(() => client.close())
  const notes: EventData["note"][] = []
  client.subscribe(subjects.event(host, "note"), {
    callback: (_, message) => {
      const parsed = parseEnvelope(message.string(), { host, kind: "note" })
      if (parsed.ok && parsed.envelope.kind === "note") notes.push(parsed.envelope.data)
    },
  })
  await client.flush()
  const { sidecar, setClockBy } = await sidecarOf(host)
  await sidecar.start()
  const beforeMs = Date.now()
  setClockBy(HOUR_MS)
  const stepped = await vi.waitFor(() => {
    const found = notes.filter(({ note }) => note === "clock_stepped")
    expect(found).toHaveLength(1)
    return found[0]
  }, 10_000)
  const from = Date.parse(String(stepped?.detail["from"]))
  const to = Date.parse(String(stepped?.detail["to"]))
  expect(stepped?.ts).toBe(stepped?.detail["to"])
  // The two are read one after the other, and time passes until somebody asks the clock.
  expect(Math.abs(to - from - HOUR_MS)).toBeLessThan(500)
  expect(from).toBeGreaterThan(beforeMs - 500)
})

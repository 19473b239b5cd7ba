import { randomUUID } from "node:crypto"
import { copyFileSync } from "node:fs"
import { join } from "node:path"
import { jetstreamManager } from "@nats-io/jetstream"
import { connect } from "@nats-io/transport-node"
import type { NatsConnection } from "@nats-io/transport-node"
import { describe, expect, inject, it, onTestFinished, vi } from "vitest"
import { parseEnvelope } from "@boocontrol/shared/envelope"
import type { EventData } from "@boocontrol/shared/envelope"
import { BootId, HostId, InstanceId } from "@boocontrol/shared/ids"
import { inboxPrefixOf, STREAMS, subjects } from "@boocontrol/shared/subjects"
import type { EventKind } from "@boocontrol/shared/subjects"
import { instantOf } from "@boocontrol/shared/time"
import { natsForTest } from "../../../deploy/test/services/nats.ts"
import { manualClock } from "../platform/clock-manual.ts"
import { systemClock } from "../platform/clock.ts"
import type { Clock } from "../platform/clock.ts"
import { natsLink } from "../platform/nats.ts"
import { diskSpool } from "../spool/disk.ts"
import type { Spool } from "../spool/ports.ts"
import { memoryFiles } from "../spool/test/memory-files.ts"
import { sized } from "../spool/test/messages.ts"
import { crashed, life } from "../spool/test/world.ts"
import { createPublishing } from "./index.ts"
import { resumeAsk } from "./resume.ts"

interface Given {
  url: string
  host?: HostId
  clock?: Clock
  credsFile?: string
  /** What earlier lives left in the spool. */
  contents?: Map<string, Buffer>
}

function publishingAt({ url, credsFile, contents, ...given }: Given) {
  const { host = HostId.parse(`t-${randomUUID().slice(0, 8)}`), clock = systemClock() } = given
  const warnings: string[] = []
  const log = { info: () => {}, warn: (message: string) => void warnings.push(message) }
  const identity = { host, instance: InstanceId.parse(randomUUID()), boot: BootId.parse(randomUUID()) }
  const link = natsLink({
    ...{ servers: [url], credsFile: credsFile ?? null, name: "test", inboxPrefix: inboxPrefixOf(host), log },
    // The connection itself lives in real time.
    clock: systemClock(),
  })
  const spool = diskSpool({ files: memoryFiles(contents), maxBytes: 50_000_000, clock, log })
  const publishing = createPublishing({
    ...identity,
    ...{ clock, log, link, spool, presence, onOpen: () => {}, onSpoolProblem: () => {} },
    commands: { handle: (verb) => (verb === "probe" ? '{"ok":true}' : null) },
    askHub: () => resumeAsk({ ...identity, clock: systemClock(), link, tries: 1 }).ask(),
  })
  publishing.start()
  onTestFinished(() => publishing.stop(0))
  return { ...identity, publishing, spool, warnings, link }
}

function presence(): EventData["presence"] {
  const now = instantOf(Date.now())
  return {
    sidecar_version: "0.0.0",
    started_at: now,
    capabilities: [],
    advertise_url: null,
    engine: {
      kind: "none",
      version: null,
      era: null,
      liveness: "down",
      last_seen_at: null,
      problem: null,
      lacks: [],
    },
    hardware: {
      os_family: null,
      os_name: null,
      cpu_model: null,
      cpu_threads: null,
      memory_total_mib: null,
      gpus: [],
    },
    gpu_feed: { source: null, state: "unavailable", reason: null },
    spool: { depth: 0, bytes: 0, oldest_at: null, dropped: 0 },
    clock: { now, steps: 0 },
    rejected: 0,
  }
}

async function clientOf(url: string): Promise<NatsConnection> {
  const client = await connect({ servers: url, maxReconnectAttempts: -1, reconnectTimeWait: 100 })
  onTestFinished(() => client.close())
  return client
}

async function makeStreams(client: NatsConnection): Promise<void> {
  const manager = await jetstreamManager(client)
  for (const [name, kinds] of Object.entries(STREAMS))
    await manager.streams.add({ name, subjects: kinds.map((kind) => subjects.eventsOfKind(kind)) })
}

async function storedNotes(client: NatsConnection): Promise<{ number: unknown; seq: number | null }[]> {
  const envelopes = await noteEnvelopes(client)
  return envelopes.map(({ seq, data }) => ({ number: data.detail["number"], seq }))
}

async function noteEnvelopes(client: NatsConnection): Promise<NoteEnvelope[]> {
  const manager = await jetstreamManager(client)
  const { state } = await manager.streams.info("BOO_EVENTS")
  const stored: NoteEnvelope[] = []
  for (let seq = Math.max(1, state.first_seq); seq <= state.last_seq; seq += 1) {
    const message = await manager.streams.getMessage("BOO_EVENTS", { seq })
    const envelope: unknown = message?.json()
    if (isNote(envelope)) stored.push(envelope)
  }
  return stored
}

interface NoteEnvelope {
  seq: number | null
  data: EventData["note"]
}
function isNote(value: unknown): value is NoteEnvelope {
  return typeof value === "object" && value !== null && "kind" in value && value.kind === "note"
}

/** Everything that was kept is in its stream. */
async function allStored(spool: Spool): Promise<void> {
  await vi.waitFor(() => expect(spool.status().depth).toBe(0), 20_000)
}

/** A folder with two files that a full spool gave up, and died before it could tell. */
async function twoLosses(): Promise<Map<string, Buffer>> {
  const one = await life({ maxBytes: 1024 * 1024 })
  for (let seq = 1; seq <= 19; seq += 1) {
    one.add(sized("BOO_PERF", seq, 60_000))
    await one.settle()
  }
  return new Map([...crashed(one)].filter(([name]) => name.endsWith(".dropped")))
}

const note = (number: number) => ({ note: "test", ts: instantOf(Date.now()), detail: { number } })

describe("a host that speaks over NATS", () => {
  it("sends presence first, and envelopes that the hub accepts", async () => {
    const url = inject("natsUrl")
    const client = await clientOf(url)
    const host = HostId.parse(`t-${randomUUID().slice(0, 8)}`)
    const heard: { kind: EventKind; ok: boolean }[] = []
    client.subscribe(subjects.eventsOf(host), {
      callback: (_, message) => {
        const kind = message.subject.split(".").at(-1) === "presence" ? "presence" : "inflight"
        heard.push({ kind, ok: parseEnvelope(message.string(), { host, kind }).ok })
      },
    })
    await client.flush()
    const { publishing } = publishingAt({ url, host })
    await vi.waitFor(() => {
      publishing.core("inflight", { requests: [], total: 0 })
      expect(heard.at(-1)?.kind).toBe("inflight")
    }, 5_000)
    expect(heard[0]).toEqual({ kind: "presence", ok: true })
    expect(heard.every(({ ok }) => ok)).toBe(true)
  })

  it.each(["stopped", "killed"])(
    "loses nothing and doubles nothing while nats-server is %s and comes back",
    async (how) => {
      const nats = await natsForTest()
      const client = await clientOf(nats.url)
      await makeStreams(client)
      const { publishing, spool } = publishingAt({ url: nats.url })
      const publish = (from: number, to: number) => {
        for (let number = from; number < to; number += 1) void publishing.durable("note", note(number))
      }
      publish(0, 100)
      await allStored(spool)
      publish(100, 150)
      await (how === "killed" ? nats.kill() : nats.stop())
      publish(150, 250)
      await vi.waitFor(() => expect(spool.status().depth).toBeGreaterThanOrEqual(100))
      await nats.restart()
      publish(250, 300)
      await allStored(spool)
      await client.flush()
      const stored = await storedNotes(client)
      const ordered = stored.toSorted((a, b) => (a.seq ?? 0) - (b.seq ?? 0))
      expect(ordered.map(({ number }) => number)).toEqual(Array.from({ length: 300 }, (_, number) => number))
      expect(ordered.map(({ seq }) => seq)).toEqual(Array.from({ length: 300 }, (_, at) => at + 1))
    },
    40_000,
  )

  it("keeps what no stream takes yet, and sends it when the streams are made", async () => {
    const nats = await natsForTest()
    const client = await clientOf(nats.url)
    const { publishing, warnings, spool } = publishingAt({ url: nats.url })
    void publishing.durable("note", note(1))
    await vi.waitFor(() => expect(warnings.join()).toContain("no stream takes it yet"), 5_000)
    await makeStreams(client)
    await allStored(spool)
    expect(await storedNotes(client)).toHaveLength(1)
  })

  it("tells each loss of an earlier life in a note with a time of its own, and then forgets it", async () => {
    const contents = await twoLosses()
    const nats = await natsForTest()
    const client = await clientOf(nats.url)
    await makeStreams(client)
    const clock = manualClock()
    const { link, spool } = publishingAt({ url: nats.url, clock, contents })
    await vi.waitFor(() => expect(link.connected()).toBe(true), 5_000)
    await clock.advance(1_000)
    await allStored(spool)
    const notes = (await noteEnvelopes(client)).map(({ data }) => data)
    const lost = { reason: "no_room", count: 1, by_kind: { perf: 1 } }
    const [first, second] = ["2025-06-15T15:06:40.001Z", "2025-06-15T15:06:40.002Z"]
    expect(notes).toMatchObject([
      { note: "spool_dropped", ts: "2026-01-01T00:00:01.000Z", detail: { ...lost, from: first, to: first } },
      {
        note: "spool_dropped",
        ts: "2026-01-01T00:00:01.001Z",
        detail: { ...lost, from: second, to: second },
      },
    ])
    expect([...contents.keys()].filter((name) => name.endsWith(".dropped"))).toEqual([])
  })

  it("waits for a nats-server that is not there yet, and says that it waits", async () => {
    const nats = await natsForTest()
    await nats.stop()
    const { publishing, warnings, link, spool } = publishingAt({ url: nats.url })
    void publishing.durable("note", note(1))
    await vi.waitFor(() => expect(warnings.join()).toContain("cannot be reached"), 5_000)
    expect(link.problem()).toContain("cannot be reached")
    await nats.restart()
    await makeStreams(await clientOf(nats.url))
    await allStored(spool)
  }, 30_000)

  it("says in plain words that it is refused without credentials", async () => {
    const nats = await natsForTest({ auth: true })
    const { link, warnings } = publishingAt({ url: nats.url })
    await vi.waitFor(() => expect(warnings.join()).toMatch(/refuses .*no NATS_CREDS are set/), 10_000)
    expect(link.connected()).toBe(false)
  })

  it("says that another host's credentials are another host's, and works when they are mended", async () => {
    const nats = await natsForTest({ auth: true })
    const host = HostId.parse("mended")
    const other = (await nats.auth?.hostCredentials("other")) ?? ""
    const credsFile = join(nats.folder, "used.creds")
    copyFileSync(other, credsFile)
    const { link, warnings, publishing } = publishingAt({ url: nats.url, host, credsFile })
    await vi.waitFor(() => expect(warnings.join()).toContain("the credentials are another host's"), 10_000)
    copyFileSync((await nats.auth?.hostCredentials(host)) ?? "", credsFile)
    await nats.restart()
    await vi.waitFor(() => expect(link.connected()).toBe(true), 10_000)
    const said = warnings.length
    publishing.announce()
    await link.request(subjects.askResume(host), "{}", 500)
    expect(warnings).toHaveLength(said)
  }, 30_000)

  it("answers a command it does not know with an error, and one it knows", async () => {
    const url = inject("natsUrl")
    const client = await clientOf(url)
    const { host, link } = publishingAt({ url })
    await vi.waitFor(() => expect(link.connected()).toBe(true), 5_000)
    const ask = (verb: "warm" | "probe") =>
      client.request(subjects.command(host, verb), "{}", { timeout: 2_000 })
    await client.flush()
    expect((await ask("warm")).json()).toMatchObject({ error: { code: "BAD_REQUEST", retryable: false } })
    expect((await ask("probe")).json()).toEqual({ ok: true })
  })
})

describe("the second of two with one host id", () => {
  it("is refused, publishes nothing, keeps what it sees, and takes over when the first is gone", async () => {
    const nats = await natsForTest()
    const client = await clientOf(nats.url)
    await makeStreams(client)
    const clock = manualClock(Date.now())
    const host = HostId.parse("twin")
    let objects = true
    const presences: string[] = []
    client.subscribe(subjects.event(host, "presence"), {
      callback: (_, message) => {
        const { instance } = message.json<{ instance: InstanceId }>()
        presences.push(instance)
        const told = { v: 1, holder: "first", since: instantOf(Date.now()), message: "held" }
        if (objects) client.publish(subjects.refused(host, instance), JSON.stringify(told))
      },
    })
    client.subscribe(subjects.askResume(host), {
      callback: (_, message) => void message.respond(JSON.stringify({ v: 1, row: null, sample_ts: null })),
    })
    await client.flush()
    const { publishing, spool, link } = publishingAt({ url: nats.url, host, clock })
    void publishing.durable("note", note(1))
    await vi.waitFor(() => expect(publishing.refusal()?.holder).toBe("first"), 5_000)
    publishing.announce()
    await clock.advance(29_000)
    expect(presences).toHaveLength(1)
    expect(spool.status().depth).toBe(1)
    expect(await storedNotes(client)).toEqual([])

    objects = false
    await clock.advance(1_000)
    await vi.waitFor(() => expect(presences).toHaveLength(2))
    await link.request(subjects.askResume(host), "{}", 1_000)
    await clock.advance(3_000)
    await allStored(spool)
    expect(publishing.refusal()).toBeNull()
    expect(await storedNotes(client)).toHaveLength(1)
  })
})

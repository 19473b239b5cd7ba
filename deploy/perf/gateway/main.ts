// `pnpm perf:gateway`: what the gateway costs beside other proxies, all in one run, turn by turn, on the same machine.
// Processor time per request is the first figure: it suffers least from what else the machine does.
import { mkdirSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { conditions, percentile } from "../figures.ts"
import { loadNow, treeCpuSeconds } from "../processes.ts"
import { startStack } from "../stack.ts"
import { listed, speakFor } from "./fleet.ts"
import { chatRequest, load } from "./load.ts"
import { startMock } from "./mock.ts"
import type { Mock } from "./mock.ts"
import { findPeers } from "./peers.ts"
import type { Peer } from "./peers.ts"
import { fuzz, scanAgainstParse } from "./scanning.ts"

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    seconds: { type: "string", default: "3" },
    fuzz: { type: "string", default: "1000000" },
    scratch: { type: "string", default: join(tmpdir(), "boocontrol-perf-peers") },
    only: { type: "string" },
    /** A folder for a profile of the hub's processor. */
    profile: { type: "string" },
  },
})
const rounds = Number(values.rounds)
const ms = Number(values.seconds) * 1000
const WARM_UP_MS = 6_000
const say = (line: string): void => console.log(line)

interface Proxy extends Pick<Peer, "name" | "port" | "headers"> {
  readonly pid: number | null
  readonly model?: string
}

interface Figures {
  cpuUs1k: number[]
  cpuUs32k: number[]
  p50Ms: number[]
  streamUs: number[]
  failed: number
  failedStreams: number
}

const OURS = "BooControl"
/** A host with llama-swap's usual 10 at a time: of 32 connections 22 wait in the fleet queue, which no peer has. */
const QUEUED = "BooControl, 10 slots, 22 wait"
const DIRECT = "direct"

async function measure(proxy: Proxy, figures: Figures): Promise<void> {
  const { port, headers, model = "m" } = proxy
  const run = async (
    request: Buffer,
    connections: number,
  ): Promise<{ us: number; p50: number; done: number }> => {
    const before = proxy.pid === null ? 0 : treeCpuSeconds(proxy.pid)
    const { done, failed, latenciesMs } = await load({ port, request, connections, ms })
    const spent = proxy.pid === null ? 0 : treeCpuSeconds(proxy.pid) - before
    figures.failed += failed
    return { us: done > 0 ? (spent / done) * 1e6 : Number.NaN, p50: percentile(latenciesMs, 0.5), done }
  }
  const small = chatRequest({ bytes: 1024, port, modelLast: false, model, headers })
  const large = chatRequest({ bytes: 32 * 1024, port, modelLast: true, model, headers })
  figures.p50Ms.push((await run(small, 1)).p50)
  figures.cpuUs1k.push((await run(small, 32)).us)
  figures.cpuUs32k.push((await run(large, 32)).us)
}

async function measureStreams(proxy: Proxy, figures: Figures): Promise<void> {
  const { port, headers } = proxy
  const request = chatRequest({ bytes: 1024, port, modelLast: false, stream: true, headers })
  const before = proxy.pid === null ? 0 : treeCpuSeconds(proxy.pid)
  const { done, failed } = await load({ port, request, connections: 64, ms })
  const spent = proxy.pid === null ? 0 : treeCpuSeconds(proxy.pid) - before
  figures.failedStreams += failed
  figures.streamUs.push(done > 0 ? (spent / (done * 100)) * 1e6 : Number.NaN)
}

const median = (list: readonly number[]): number =>
  percentile(
    list.filter((each) => !Number.isNaN(each)),
    0.5,
  )

interface Target {
  readonly name: string
  readonly figure: number
  readonly bound: number
  readonly atLeast?: boolean
}

function verdict({ name, figure, bound, atLeast = false }: Target): void {
  const isMet = atLeast ? figure >= bound : figure <= bound
  const word = Number.isFinite(figure) ? (isMet ? "met" : "NOT MET") : "not measured"
  say(
    `  ${name.padEnd(74)} ${figure.toFixed(2).padStart(8)}   target ${atLeast ? ">=" : "<="} ${bound}: ${word}`,
  )
}

function report(all: ReadonlyMap<string, Figures>): void {
  const base = median(all.get(DIRECT)?.p50Ms ?? [])
  const of = (name: string) => {
    const figures = all.get(name)
    return {
      small: median(figures?.cpuUs1k ?? []),
      large: median(figures?.cpuUs32k ?? []),
      added: median(figures?.p50Ms ?? []) - base,
      stream: median(figures?.streamUs ?? []),
    }
  }
  say(
    `\n${"median of the rounds".padEnd(34)} us/request 1 KB   us/request 32 KB   added p50 ms   us/event   failed   failed streams`,
  )
  for (const [name, { failed, failedStreams }] of all) {
    if (name === DIRECT) continue
    const { small, large, added, stream } = of(name)
    const cells = [
      small.toFixed(0).padStart(12),
      large.toFixed(0).padStart(18),
      added.toFixed(3).padStart(16),
    ]
    say(
      `${name.padEnd(34)} ${cells.join(" ")} ${stream.toFixed(1).padStart(10)} ${String(failed).padStart(8)} ${String(failedStreams).padStart(16)}`,
    )
  }
  const [ours, portkey, fastify, nginx] = [
    of(OURS),
    of("Portkey 1.15.2"),
    of("@fastify/http-proxy"),
    of("nginx"),
  ]
  const floor = of("Node and undici, nothing else")
  const [blind, reading] = [of("Go ReverseProxy"), of("Go ReverseProxy + encoding/json")]
  const times = (figure: number): string => `${figure.toFixed(2)}x`
  say(
    `\nThe floor, a proxy of Node's server and undici that looks at nothing, would be: ` +
      `${times(portkey.small / floor.small)} Portkey's requests per core, ${times(floor.added / portkey.added)} its added p50, ` +
      `${times(floor.small / blind.small)} Go's time, ${times(reading.large / floor.large)} Go that reads, ` +
      `${times(floor.added / nginx.added)} nginx's added p50, ${times(floor.stream / nginx.stream)} its time per event`,
  )
  say("")
  verdict({
    name: "requests per core, times Portkey's (1 KB, 32 connections)",
    figure: portkey.small / ours.small,
    bound: 12,
    atLeast: true,
  })
  verdict({
    name: "added p50, share of Portkey's (1 connection)",
    figure: ours.added / portkey.added,
    bound: 0.1,
  })
  verdict({
    name: "processor time per request, times Go's blind ReverseProxy (1 KB)",
    figure: ours.small / blind.small,
    bound: 1.25,
  })
  verdict({
    name: "requests per core, times Go that reads the model (32 KB, model last)",
    figure: reading.large / ours.large,
    bound: 3,
    atLeast: true,
  })
  verdict({ name: "added p50, times nginx's (1 connection)", figure: ours.added / nginx.added, bound: 4 })
  verdict({
    name: "processor time per event, times nginx's (64 streams, an event per 10 ms)",
    figure: ours.stream / nginx.stream,
    bound: 2.5,
  })
  verdict({
    name: "requests per core, times @fastify/http-proxy's (1 KB)",
    figure: fastify.small / ours.small,
    bound: 1.5,
    atLeast: true,
  })
}

async function json(url: string, method: string, body: unknown): Promise<unknown> {
  const headers = { "content-type": "application/json" }
  const reply = await fetch(url, { method, headers, body: JSON.stringify(body) })
  if (!reply.ok) throw new Error(`${method} ${url} answered ${reply.status}: ${await reply.text()}`)
  return reply.json()
}

async function proxies(mock: Mock, run: (list: readonly Proxy[]) => Promise<void>): Promise<void> {
  const hubFlags = values.profile ? ["--cpu-prof", `--cpu-prof-dir=${values.profile}`] : []
  const stack = await startStack({ hubFlags })
  // Peers send on whatever comes: what they are compared with must not wait for a slot either.
  await json(`${stack.hubUrl}/api/control/hosts`, "POST", { provider_id: "mock", tags: ["slots:128"] })
  const voice = await speakFor(stack.natsUrl, [
    { id: "mock", url: mock.url, models: ["m"] },
    { id: "narrow", url: mock.url, models: ["queued"] },
  ])
  const peers: Peer[] = []
  try {
    await listed(stack.hubUrl, "m")
    await listed(stack.hubUrl, "queued")
    const wanted = { label: "perf", requests_per_min: 100_000_000, models: ["*"] }
    const { key } = (await json(`${stack.hubUrl}/api/control/keys`, "POST", wanted)) as { key: string }
    mkdirSync(values.scratch, { recursive: true })
    for (const kind of findPeers(values.scratch, say)) {
      if (values.only !== undefined && !values.only.split(",").some((part) => kind.name.includes(part)))
        continue
      await kind.start(mock.port).then(
        (peer) => peers.push(peer),
        (error: unknown) => say(`${kind.name} is not measured: ${String(error)}`),
      )
    }
    const ours: Proxy = {
      ...{ name: OURS, port: Number(new URL(stack.hubUrl).port), pid: stack.hub.pid ?? null },
      headers: { authorization: `Bearer ${key}`, "x-boo-source": "perf" },
    }
    const queued: Proxy = { ...ours, name: QUEUED, model: "queued" }
    await run([{ name: DIRECT, port: mock.port, pid: null, headers: {} }, ours, queued, ...peers])
  } finally {
    for (const peer of peers) peer.stop()
    await voice.stop()
    await stack.stop()
  }
}

say(`perf:gateway, ${await conditions()}`)
say(
  `All features on: a key with limits, attribution, routing, tokens from the tail. ${rounds} rounds of ${values.seconds} s per figure.\n`,
)
const { scanUs, parseUs } = scanAgainstParse(512 * 1024)
verdict({
  name: `scan of 512 KB, model last: ${scanUs.toFixed(0)} us, JSON.parse ${parseUs.toFixed(0)} us`,
  figure: scanUs / parseUs,
  bound: 0.3,
})
const fuzzed = fuzz(Number(values.fuzz))
verdict({
  name: `disagreements with JSON.parse in ${fuzzed.cases} bodies`,
  figure: fuzzed.disagreements.length,
  bound: 0,
})
for (const each of fuzzed.disagreements) say(`    ${each}`)

const mock = await startMock()
try {
  await proxies(mock, async (list) => {
    const all = new Map<string, Figures>(
      list.map(({ name }) => [
        name,
        { cpuUs1k: [], cpuUs32k: [], p50Ms: [], streamUs: [], failed: 0, failedStreams: 0 },
      ]),
    )
    // Code that is not compiled yet would be measured otherwise: twice the processor time in the first thousands.
    for (const { port, headers, model = "m" } of list) {
      const request = chatRequest({ bytes: 1024, port, modelLast: false, model, headers })
      await load({ port, request, connections: 32, ms: WARM_UP_MS })
    }
    for (let round = 0; round < rounds; round++) {
      for (const proxy of list) {
        const figures = all.get(proxy.name)
        if (!figures) continue
        await measure(proxy, figures)
        if (proxy.name !== DIRECT) await measureStreams(proxy, figures)
      }
      say(`round ${round + 1} of ${rounds}, load ${loadNow()}`)
      // After each, so that a run that is cut off has said something.
      report(all)
    }
  })
} finally {
  mock.stop()
}

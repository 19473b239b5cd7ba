import type { GpuFeed } from "@boocontrol/shared/hosts"
import type { GpuSample } from "@boocontrol/shared/telemetry"
import { runProgram, streamLines } from "../../platform/child.ts"
import type { LineChild } from "../../platform/child.ts"
import type { Clock } from "../../platform/clock.ts"
import type { Log } from "../../platform/log.ts"
import { fieldsFrom } from "./fields.ts"
import type { Field } from "./fields.ts"
import { readLine, withoutReadings } from "./line.ts"
import { afterLettingGo, FRESH_IDLE_WATCH, watchIdle } from "./sleep.ts"
import type { CardPower } from "./sleep.ts"
import { createTicks } from "./ticks.ts"
import type { Tick } from "./ticks.ts"

/**
 * The GPUs of this machine, second by second, from one long-lived nvidia-smi.
 *
 * | state       | entered when                           | does                               | leaves                        |
 * | ---         | ---                                    | ---                                | ---                           |
 * | restarting  | start, or the stream ended             | asks for the known fields, backoff | first tick -> streaming       |
 * | streaming   | a tick came                            | hands over ticks                   | end, hang -> restarting; idle -> asleep |
 * | asleep      | all cards are suspended, or may be now | touches nothing but the status file | awake -> restarting          |
 * | unavailable | no nvidia-smi, or it cannot work       | tries again, rarely                | fields known -> restarting    |
 */
export interface GpuReader {
  start(): void
  stop(): Promise<void>
  feed(): GpuFeed
  /** Cards that sleep, shown as such; null while they are awake or unknown. */
  asleep(): GpuSample[] | null
  /** Once a second: ends a stream that says nothing any more. */
  watch(): void
}

export interface GpuReaderOptions {
  program: string
  clock: Clock
  log: Log
  power: CardPower
  onTick(tick: Tick): void
  onFeed(feed: GpuFeed): void
  onRejected(line: string): void
}

const TICK_MS = 1_000
const HELP_TIMEOUT_MS = 15_000
// Without nvidia-persistenced the driver takes seconds per card before the first line.
const FIRST_LINE_WITHIN_MS = 20_000
const SILENCE_MS = 5_000
const FIRST_BACKOFF_MS = 1_000
const LONGEST_BACKOFF_MS = 30_000
// A driver may be installed or mended while we run; looking for it costs a process each time.
const RETRY_UNAVAILABLE_MS = 60_000
const LOOK_FOR_WAKING_MS = 1_000
// The kernel suspends a card some seconds after its last user is gone.
const SUSPENDS_WITHIN_MS = 30_000

export function gpuReader(options: GpuReaderOptions): GpuReader {
  const { program, clock, log, power } = options
  const ticks = createTicks()
  const stopping = new AbortController()
  const { signal } = stopping
  let feed: GpuFeed = { source: "nvidia-smi", state: "restarting", reason: null }
  let running: Promise<void> | null = null
  let child: LineChild | null = null
  let idleWatch = FRESH_IDLE_WATCH
  let quietSeconds = 0
  let heard = false
  let endReason: string | null = null

  function setFeed(state: GpuFeed["state"], reason: string | null): void {
    if (feed.state === state && feed.reason === reason) return
    feed = { source: state === "unavailable" ? null : "nvidia-smi", state, reason }
    if (state === "streaming") log.info("GPU samples are streaming from nvidia-smi")
    else if (reason !== null) log.warn(`GPU samples: ${state}: ${reason}`)
    options.onFeed(feed)
  }

  function endStream(reason: string): void {
    endReason = reason
    child?.kill()
  }

  async function run(): Promise<void> {
    let fields: Field[] | null = null
    let backoffMs = FIRST_BACKOFF_MS
    while (!signal.aborted) {
      if (power.allSuspended()) await sleepUntilAwake()
      if (signal.aborted) break
      const found: Field[] | string = fields ?? (await probe())
      if (signal.aborted) break
      if (typeof found === "string") {
        setFeed("unavailable", found)
        await clock.sleep(RETRY_UNAVAILABLE_MS, signal)
        continue
      }
      fields = found
      const { hadTicks, reason } = await stream(fields)
      if (signal.aborted) break
      if (reason === LET_GO) {
        await letCardsSleep()
        continue
      }
      if (hadTicks) backoffMs = FIRST_BACKOFF_MS
      // Another driver may know other fields.
      else fields = null
      setFeed("restarting", reason)
      await clock.sleep(backoffMs, signal)
      backoffMs = Math.min(backoffMs * 2, LONGEST_BACKOFF_MS)
    }
  }

  /** The fields this driver knows, or why there are none. */
  async function probe(): Promise<Field[] | string> {
    const help = await runProgram([program, "--help-query-gpu"], {
      clock,
      signal,
      timeoutMs: HELP_TIMEOUT_MS,
    })
    if (help.error !== null)
      return help.error === "ENOENT" ? `${program} is not there` : `${program} cannot be run: ${help.error}`
    if (help.timedOut) return `${program} --help-query-gpu did not end within ${HELP_TIMEOUT_MS / 1000} s`
    const fields = fieldsFrom(help.stdout)
    return (
      fields ??
      `${program} lists no fields: ${firstLine(help.stdout) || firstLine(help.stderr) || "no output"}`
    )
  }

  async function stream(fields: readonly Field[]): Promise<{ hadTicks: boolean; reason: string }> {
    let hadTicks = false
    let said: string | null = null
    endReason = null
    quietSeconds = 0
    heard = false
    ticks.restart()
    const query = [
      `--query-gpu=${fields.map((field) => field.name).join(",")}`,
      "--format=csv,noheader,nounits",
    ]
    const started = streamLines([program, ...query, "-lms", String(TICK_MS)], (text) => {
      if (child !== started) return
      const line = readLine(text, fields)
      if (line.kind === "blank") return
      if (line.kind === "garbage") return options.onRejected(text)
      quietSeconds = 0
      heard = true
      if (line.kind === "failed") {
        said = line.reason
        return
      }
      for (const tick of ticks.feed(line, clock.now())) {
        hadTicks = true
        setFeed("streaming", null)
        options.onTick(tick)
        considerSleep(tick)
      }
    })
    child = started
    const end = await started.ended
    child = null
    return {
      hadTicks,
      reason:
        endReason ??
        said ??
        firstLine(end.stderr) ??
        `${program} ended with ${end.error ?? `code ${end.code}`}`,
    }
  }

  function considerSleep(tick: Tick): void {
    const step = watchIdle(idleWatch, tick.gpus.every(isIdle) && power.maySuspend())
    idleWatch = step.watch
    if (step.letGo) endStream(LET_GO)
  }

  /** Holds nothing open for a while, and sees whether the cards use it. */
  async function letCardsSleep(): Promise<void> {
    setFeed("asleep", "the cards are idle: not looked at, so that they can suspend")
    for (
      let waited = 0;
      waited < SUSPENDS_WITHIN_MS && !power.allSuspended() && !signal.aborted;
      waited += LOOK_FOR_WAKING_MS
    )
      await clock.sleep(LOOK_FOR_WAKING_MS, signal)
    idleWatch = afterLettingGo(idleWatch, power.allSuspended())
  }

  async function sleepUntilAwake(): Promise<void> {
    setFeed("asleep", "all cards are suspended, and looking at them would wake them")
    while (power.allSuspended() && !signal.aborted) await clock.sleep(LOOK_FOR_WAKING_MS, signal)
    if (!signal.aborted) setFeed("restarting", "a card woke up")
  }

  return {
    start() {
      running ??= run()
    },
    async stop() {
      stopping.abort()
      child?.kill()
      await running
    },
    feed: () => feed,
    asleep() {
      if (feed.state !== "asleep") return null
      const cards = ticks.known()
      if (cards.length > 0) return cards.map((card) => withoutReadings(card, "asleep"))
      return power
        .cards()
        .map((_, index) => withoutReadings({ index, uuid: null, name: null, mem_total_mib: null }, "asleep"))
    },
    watch() {
      if (!child) return
      quietSeconds += 1
      const limitMs = heard ? SILENCE_MS : FIRST_LINE_WITHIN_MS
      if (quietSeconds * TICK_MS > limitMs && endReason === null)
        endStream(`${program} said nothing for ${limitMs / 1000} s`)
    },
  }
}

const LET_GO = "idle cards are let go"
const IDLE_UTIL_PCT = 1
/** More than an idle desktop, less than any model that is loaded. */
const IDLE_MEMORY_MIB = 512

function isIdle(gpu: GpuSample): boolean {
  if (gpu.state !== "awake") return true
  return (
    gpu.util_pct !== null && gpu.util_pct < IDLE_UTIL_PCT && (gpu.mem_used_mib ?? Infinity) < IDLE_MEMORY_MIB
  )
}

function firstLine(text: string): string | null {
  return (
    text
      .split("\n")
      .find((line) => line.trim() !== "")
      ?.slice(0, 200) ?? null
  )
}

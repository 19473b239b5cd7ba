import { type Clock, wait } from "../clock.ts"
import type { Random } from "../random.ts"
import type { ModelScenario } from "../scenario.ts"
import { createLoadMeter, type LoadMeter } from "./load-meter.ts"
import { chooseSlot, createSlots, type Prompt, reusable, type Slot } from "./slots.ts"
import type { LlamaLog } from "./log-lines.ts"
import type { Measured } from "./timings.ts"

/** Tokenising, sampling and HTTP before the first token, whatever the prompt. */
const OVERHEAD_MS = 9
/** How much slower one sequence decodes for every further one in the batch. */
const BATCH_PENALTY = 0.32

export interface Task {
  prompt: Prompt
  outputTokens: number
  cachePrompt: boolean
  /** How often progress is worth hearing about. */
  tickMs: number
}

export interface TaskEvents {
  signal: AbortSignal
  onPromptDone(): void
  /** Called with the number of tokens so far. */
  onTokens(count: number): void
}

export type TaskResult = { kind: "done"; measured: Measured } | { kind: "aborted" }

/** Since the process started. */
export interface Totals {
  promptTokens: number
  cachedTokens: number
  promptMs: number
  predictedTokens: number
  predictedMs: number
}

/** One llama-server process: slots, prompt cache, and work that takes as long as its speed says. */
export interface LlamaServer {
  readonly model: ModelScenario
  readonly meter: LoadMeter
  readonly slots: readonly Slot[]
  readonly totals: Totals
  /** Requests that wait for a slot. */
  deferred(): number
  run(task: Task, events: TaskEvents): Promise<TaskResult>
  /** After the stop signal it works no more, but its streams stay open until it is killed. */
  freeze(): void
  /** A newly started process knows nothing of earlier prompts. */
  reset(): void
}

export interface LlamaServerParts {
  model: ModelScenario
  clock: Clock
  random: Random
  log: LlamaLog
}

export function createLlamaServer({ model, clock, random, log }: LlamaServerParts): LlamaServer {
  const meter = createLoadMeter(clock.now)
  let slots = createSlots(model.slots)
  let waiting: (() => void)[] = []
  let nextTask = 0
  let frozen = false
  let totals = noTotals()

  /** True when the time has passed; a frozen server's time never does. */
  async function work(ms: number, signal: AbortSignal): Promise<boolean> {
    const passed = await wait(clock, ms, signal)
    if (!passed || !frozen) return passed
    await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }))
    return false
  }

  async function takeSlot(prompt: Prompt, signal: AbortSignal): Promise<Slot | null> {
    for (;;) {
      if (signal.aborted) return null
      const slot = chooseSlot(slots, prompt, random)
      if (slot) {
        slot.busy = true
        return slot
      }
      await new Promise<void>((resolve) => {
        waiting.push(resolve)
        signal.addEventListener("abort", () => resolve(), { once: true })
      })
    }
  }

  function freeSlot(slot: Slot) {
    slot.busy = false
    const woken = waiting
    waiting = []
    for (const wake of woken) wake()
  }

  async function prefill(slot: Slot, task: Task, signal: AbortSignal) {
    const cacheN = task.cachePrompt ? reusable(slot, task.prompt) : 0
    slot.reusedTokens = cacheN
    const promptN = Math.max(1, task.prompt.tokens - cacheN)
    const promptMs = OVERHEAD_MS + (1000 * promptN) / (model.prefill_tps * random.noise(0.06))
    meter.begin("prefill")
    const finished = await work(promptMs, signal)
    meter.end("prefill")
    return { finished, cacheN, promptN, promptMs }
  }

  async function decode(slot: Slot, task: Task, events: TaskEvents) {
    const others = slots.filter((other) => other.busy).length - 1
    const perSecond = (model.decode_tps * random.noise(0.05)) / (1 + BATCH_PENALTY * Math.max(0, others))
    // The first token comes with the prompt.
    const totalMs = (1000 * Math.max(0, task.outputTokens - 1)) / perSecond
    const startedAt = clock.now()
    meter.begin("decode")
    slot.decoded = 0
    let finished = true
    while (finished && slot.decoded < task.outputTokens) {
      const leftMs = totalMs - (clock.now() - startedAt)
      finished = await work(Math.max(1, Math.min(task.tickMs, leftMs)), events.signal)
      const due = 1 + Math.floor(((clock.now() - startedAt) * perSecond) / 1000 + 1e-6)
      const count = leftMs <= task.tickMs ? task.outputTokens : Math.min(due, task.outputTokens)
      if (finished && count > slot.decoded) {
        slot.decoded = count
        events.onTokens(count)
      }
    }
    meter.end("decode")
    return { finished, predictedMs: totalMs }
  }

  async function run(task: Task, events: TaskEvents): Promise<TaskResult> {
    const slot = await takeSlot(task.prompt, events.signal)
    if (!slot) return { kind: "aborted" }
    const taskId = nextTask
    nextTask += task.outputTokens + 2
    slot.task = taskId
    slot.promptTokens = task.prompt.tokens
    const tag = `id ${String(slot.id).padStart(2)} | task ${taskId} |`
    log.info(`slot launch_slot_: ${tag} processing task, is_child = 0`)
    try {
      const prompt = await prefill(slot, task, events.signal)
      if (!prompt.finished) {
        log.info(`srv          stop: cancel task, id_task = ${taskId}`)
        return { kind: "aborted" }
      }
      slot.prompt = task.prompt
      slot.cachedTokens = task.prompt.tokens
      events.onPromptDone()
      const generated = await decode(slot, task, events)
      slot.cachedTokens += slot.decoded
      if (!generated.finished) {
        log.info(`srv          stop: cancel task, id_task = ${taskId}`)
        return { kind: "aborted" }
      }
      const measured: Measured = {
        cacheN: prompt.cacheN,
        promptN: prompt.promptN,
        promptMs: prompt.promptMs,
        predictedN: task.outputTokens,
        predictedMs: generated.predictedMs,
        draft: draftOf(model, task.outputTokens),
      }
      log.timing(tag, measured)
      totals.promptTokens += measured.promptN
      totals.cachedTokens += measured.cacheN
      totals.promptMs += measured.promptMs
      totals.predictedTokens += measured.predictedN
      totals.predictedMs += measured.predictedMs
      return { kind: "done", measured }
    } finally {
      freeSlot(slot)
    }
  }

  return {
    model,
    meter,
    get slots() {
      return slots
    },
    get totals() {
      return totals
    },
    deferred: () => waiting.length,
    run,
    freeze() {
      frozen = true
    },
    reset() {
      frozen = false
      totals = noTotals()
      slots = createSlots(model.slots)
      nextTask = 0
    },
  }
}

function noTotals(): Totals {
  return { promptTokens: 0, cachedTokens: 0, promptMs: 0, predictedTokens: 0, predictedMs: 0 }
}

function draftOf(model: ModelScenario, outputTokens: number) {
  if (model.draft_acceptance === null) return null
  const accepted = Math.floor(outputTokens * model.draft_acceptance * 0.7)
  return { drafted: Math.ceil(accepted / Math.max(0.05, model.draft_acceptance)), accepted }
}

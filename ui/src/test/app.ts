import { createPinia, setActivePinia } from "pinia"
import { createApp } from "vue"
import { API } from "../platform/api.ts"
import type { Api, ApiError, Query } from "../platform/api.ts"
import { CLOCK } from "../platform/clock.ts"
import type { Clock } from "../platform/clock.ts"
import { NOW } from "./examples.ts"

/** A clock that stands still; what waits is kept and run by hand. */
export class StillClock {
  at = NOW
  readonly waiting: { delayMs: number; run: () => void }[] = []

  asClock(): Clock {
    return {
      now: { value: this.at } as Clock["now"],
      nowMs: () => this.at,
      monotonicMs: () => this.at,
      noteHubTime: () => undefined,
      after: (delayMs, run) => {
        const entry = { delayMs, run }
        this.waiting.push(entry)
        return () => {
          const index = this.waiting.indexOf(entry)
          if (index >= 0) this.waiting.splice(index, 1)
        }
      },
      stop: () => undefined,
    }
  }

  /** Runs what was waiting when it was called, oldest first. */
  runWaiting(): void {
    for (const { run } of this.waiting.splice(0)) run()
  }
}

/** An API that records what was asked and answers what the test says. */
export class RecordingApi {
  readonly asked: { path: string; query: Query; body?: unknown }[] = []
  readonly answers: unknown[] = []
  failPut: ApiError | null = null

  asApi(): Api {
    return {
      href: (path) => path,
      get: async (path, schema, given = {}) => {
        this.asked.push({ path, query: given.query ?? {} })
        const answer = await this.answers.shift()
        if (answer instanceof Error) throw answer
        return (typeof schema === "function" ? await schema() : schema).parse(answer)
      },
      post: async (path, schema, body) => {
        this.asked.push({ path, query: {}, body })
        const answer = await this.answers.shift()
        if (answer instanceof Error) throw answer
        return (typeof schema === "function" ? await schema() : schema).parse(answer)
      },
      remove: async (path) => {
        this.asked.push({ path, query: {} })
        await Promise.resolve()
      },
      patch: async (path, body) => {
        this.asked.push({ path, query: {}, body })
        await Promise.resolve()
        if (this.failPut) throw this.failPut
      },
      put: async (path, body) => {
        this.asked.push({ path, query: {}, body })
        await Promise.resolve()
        if (this.failPut) throw this.failPut
      },
    }
  }
}

/** Stores of their own for one test. */
export function testApp(): { clock: StillClock; api: RecordingApi; run: <T>(make: () => T) => T } {
  const clock = new StillClock()
  const api = new RecordingApi()
  const pinia = createPinia()
  const app = createApp({ render: () => null })
    .use(pinia)
    .provide(CLOCK, clock.asClock())
    .provide(API, api.asApi())
  setActivePinia(pinia)
  return { clock, api, run: (make) => app.runWithContext(make) }
}

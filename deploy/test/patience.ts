import { vi } from "vitest"

type Waiting = { timeout?: number; interval?: number } | number | undefined

/** What is waited for comes when the machine gets to it; a second, which is vitest's default, is nothing on a busy one. */
const PATIENCE_MS = 30_000
const patient = (options: Waiting): Waiting =>
  typeof options === "number" ? options : { timeout: PATIENCE_MS, interval: 20, ...options }

const { waitFor, waitUntil } = vi
vi.waitFor = (callback, options) => waitFor(callback, patient(options))
vi.waitUntil = (callback, options) => waitUntil(callback, patient(options))

import type { Browser } from "playwright-core"
import type { Stub } from "../../ui/dev/stub-server.ts"
import { stormOf } from "../../ui/dev/log-lines.ts"
import { percentile } from "./figures.ts"

const LINES_PER_S = 5_000
const BATCH_MS = 100
const SECONDS = 10
/** Two frames of a screen at 60 Hz: what is drawn later is felt. */
const FRAME_TARGET_MS = 34

export interface StormFigures {
  frames: readonly number[]
  p95Ms: number
  met: boolean
}

/** The Logs page, following, while one host writes 5,000 lines a second: the time from frame to frame. */
export async function logStorm(browser: Browser, stub: Stub): Promise<StormFigures> {
  const host = stub.state.hosts.keys().next().value ?? ""
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 } })
  await page.goto(new URL(`/logs?host=${host}`, stub.url).href)
  await page.locator("[role=log] .line").first().waitFor()
  let from = 0
  const count = (LINES_PER_S * BATCH_MS) / 1000
  const storm = setInterval(() => {
    stub.state.broadcast(`log:${host}`, stormOf(host, { nowMs: Date.now(), count, from }))
    from += count
  }, BATCH_MS)
  try {
    const frames = await page.evaluate(
      (ms) =>
        new Promise<number[]>((resolve) => {
          const times: number[] = []
          const start = performance.now()
          let before = start
          const frame = (now: number) => {
            times.push(now - before)
            before = now
            if (now - start < ms) requestAnimationFrame(frame)
            else resolve(times.slice(1))
          }
          requestAnimationFrame(frame)
        }),
      SECONDS * 1000,
    )
    const p95Ms = percentile(frames, 0.95)
    return { frames, p95Ms, met: p95Ms <= FRAME_TARGET_MS }
  } finally {
    clearInterval(storm)
    await page.close()
  }
}

export function stormLine({ frames, p95Ms, met }: StormFigures): string {
  const worst = Math.max(...frames)
  return `\nLog storm, ${LINES_PER_S} lines/s for ${SECONDS} s: ${frames.length} frames, p50 ${percentile(frames, 0.5).toFixed(1)} ms, p95 ${p95Ms.toFixed(1)} ms, longest ${worst.toFixed(0)} ms   target p95 ${FRAME_TARGET_MS} ms: ${met ? "met" : "NOT MET"}`
}

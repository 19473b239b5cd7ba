import type { Page } from "playwright-core"
import { percentile } from "./figures.ts"

/** Two frames of a screen at 60 Hz, less a moment: what is drawn later is felt. */
export const FRAME_TARGET_MS = 32

export interface FrameFigures {
  frames: readonly number[]
  p95Ms: number
  met: boolean
}

/** The times from frame to frame of a page, for so long. */
export async function framesOf(page: Page, seconds: number): Promise<FrameFigures> {
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
    seconds * 1000,
  )
  const p95Ms = percentile(frames, 0.95)
  return { frames, p95Ms, met: p95Ms <= FRAME_TARGET_MS }
}

export function framesLine(what: string, { frames, p95Ms, met }: FrameFigures): string {
  const worst = Math.max(...frames)
  return `\n${what}: ${frames.length} frames, p50 ${percentile(frames, 0.5).toFixed(1)} ms, p95 ${p95Ms.toFixed(1)} ms, longest ${worst.toFixed(0)} ms   target p95 ${FRAME_TARGET_MS} ms: ${met ? "met" : "NOT MET"}`
}

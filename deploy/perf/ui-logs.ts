import type { Browser } from "playwright-core"
import type { Stub } from "../../ui/dev/stub-server.ts"
import { stormOf } from "../../ui/dev/log-lines.ts"
import { framesOf } from "./ui-frames.ts"
import type { FrameFigures } from "./ui-frames.ts"

const LINES_PER_S = 5_000
const BATCH_MS = 100
const SECONDS = 10

export const STORM = `Log storm, ${LINES_PER_S} lines/s for ${SECONDS} s`

/** The Logs page, following, while one host writes 5,000 lines a second. */
export async function logStorm(browser: Browser, stub: Stub): Promise<FrameFigures> {
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
    return await framesOf(page, SECONDS)
  } finally {
    clearInterval(storm)
    await page.close()
  }
}

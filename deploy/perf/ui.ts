import { join } from "node:path"
import { chromium } from "playwright-core"
import type { Browser } from "playwright-core"
import { bundleSizes } from "../../ui/build/sizes.ts"
import type { FileSize } from "../../ui/build/sizes.ts"
import { startStub } from "../../ui/dev/stub-server.ts"
import { browserWays, findBrowser } from "../local/src/browser.ts"
import { conditions, percentile } from "./figures.ts"
import { CHROMIUM_FLAGS } from "./screen.ts"

// pnpm perf:ui, after a build: what the cockpit weighs, and how long a slow machine waits for the first useful paint.
const DIST = join(import.meta.dirname, "../../ui/dist")
const ENTRY_TARGET_BYTES = 75 * 1024
const PAINT_TARGET_MS = 800
const HOSTS = 100
const THROTTLE = 4
const RUNS = 9
// Two columns of three at 1440 x 900.
const FIRST_SCREEN_CARDS = 6

// Useful: every card of the first screen shows its figures. Runs in the page before anything of it.
const WATCH = `
  window.firstUseful = new Promise((resolve) => {
    const ready = () => {
      const cards = [...document.querySelectorAll("[data-host]")].slice(0, ${FIRST_SCREEN_CARDS})
      return cards.length > 0 && cards.every((card) => card.querySelector("[role=img]"))
    }
    const look = () => {
      if (!ready()) return requestAnimationFrame(look)
      const { port1, port2 } = new MessageChannel()
      port1.onmessage = () => resolve(performance.now())
      port2.postMessage(null)
    }
    requestAnimationFrame(look)
  })`

const kb = (bytes: number) => `${(bytes / 1024).toFixed(1)} KB`
const met = (isMet: boolean) => (isMet ? "met" : "NOT MET")
const line = (file: FileSize) => `  ${kb(file.gzipBytes).padStart(9)}  ${file.name} (${kb(file.bytes)} plain)`

console.log(await conditions())
const sizes = await bundleSizes(DIST)
const charts = sizes.lazy.find(({ name }) => /ThemedChart.*\.js$/.test(name))
const entryMet = sizes.entryGzipBytes <= ENTRY_TARGET_BYTES
console.log(
  `\nEntry, gzip -9: ${kb(sizes.entryGzipBytes)}   target ${kb(ENTRY_TARGET_BYTES)}: ${met(entryMet)}`,
)
for (const file of sizes.entry) console.log(line(file))
console.log("Lazy chunks, gzip -9:")
for (const file of sizes.lazy) console.log(line(file))
console.log("Fonts, compressed in themselves, never waited for:")
for (const file of sizes.fonts) console.log(`  ${kb(file.bytes).padStart(9)}  ${file.name}`)
if (charts) console.log(`Chart code: ${kb(charts.gzipBytes)} in one lazy chunk; 60-100 KB was planned for`)

const stub = await startStub({ port: 0, hosts: HOSTS })
const executablePath = await findBrowser(browserWays(process.env.CHROMIUM), console.error)
const browser = await chromium.launch({ executablePath, args: CHROMIUM_FLAGS })
let paintMet = false
try {
  await firstUsefulPaint(browser, stub.url)
  const times: number[] = []
  for (let run = 0; run < RUNS; run++) times.push(await firstUsefulPaint(browser, stub.url))
  const median = percentile(times, 0.5)
  paintMet = median <= PAINT_TARGET_MS
  console.log(
    `\nFirst useful paint, ${HOSTS} hosts, processor ${THROTTLE}x slower, empty cache, ${RUNS} runs:`,
  )
  console.log(`  ${times.map((ms) => Math.round(ms)).join("  ")} ms`)
  console.log(`  median ${Math.round(median)} ms   target ${PAINT_TARGET_MS} ms: ${met(paintMet)}`)
} finally {
  await browser.close()
  await stub.stop()
}
process.exitCode = entryMet && paintMet ? 0 : 1

/** A context of its own per run: nothing is cached from the run before. */
async function firstUsefulPaint(within: Browser, url: string): Promise<number> {
  const context = await within.newContext({ viewport: { width: 1440, height: 900 } })
  try {
    const page = await context.newPage()
    const session = await context.newCDPSession(page)
    await session.send("Emulation.setCPUThrottlingRate", { rate: THROTTLE })
    await page.addInitScript(WATCH)
    await page.goto(url, { waitUntil: "commit" })
    return await page.evaluate<number>("window.firstUseful")
  } finally {
    await context.close()
  }
}

import { chromium } from "playwright-core"
import { browserWays, findBrowser } from "../local/src/browser.ts"

declare global {
  interface Window {
    booArm: (host: string, model: string, state: string) => void
    booPainted: Promise<number>
  }
}

export interface Screen {
  /** Begins to watch for one change; resolves once it watches. */
  arm(host: string, model: string, state: string): Promise<void>
  /** When the frame after the armed change was presented, as epoch milliseconds with fractions. */
  painted(): Promise<number>
  close(): Promise<void>
}

export const CHROMIUM_FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
]

/** The Fleet page in a real browser, watched for the moment a model's state is painted. */
export async function openScreen(hubUrl: string): Promise<Screen> {
  const executablePath = await findBrowser(browserWays(process.env.CHROMIUM), console.error)
  const browser = await chromium.launch({ executablePath, args: CHROMIUM_FLAGS })
  const page = await browser.newPage({ viewport: { width: 1440, height: 2400 } })
  await page.goto(hubUrl)
  await page.waitForSelector("[data-host] [data-model]")
  await page.evaluate(() => {
    const painted = () =>
      new Promise<number>((resolve) => {
        requestAnimationFrame(() => {
          // A message posted within a frame is delivered after that frame was painted.
          const { port1, port2 } = new MessageChannel()
          port1.addEventListener("message", () => resolve(performance.timeOrigin + performance.now()))
          port1.start()
          port2.postMessage(null)
        })
      })
    window.booArm = (host, model, state) => {
      window.booPainted = new Promise((resolve, reject) => {
        const selector = `[data-host="${host}"] [data-model="${model}"][data-state="${state}"]`
        const late = setTimeout(() => reject(new Error(`not seen within 10 s: ${selector}`)), 10_000)
        const observer = new MutationObserver(() => {
          if (!document.querySelector(selector)) return
          observer.disconnect()
          clearTimeout(late)
          void painted().then(resolve)
        })
        observer.observe(document.body, { subtree: true, childList: true, attributes: true })
      })
    }
  })
  return {
    arm: (host, model, state) =>
      page.evaluate(([h = "", m = "", s = ""]) => window.booArm(h, m, s), [host, model, state]),
    painted: () => page.evaluate(() => window.booPainted),
    close: () => browser.close(),
  }
}

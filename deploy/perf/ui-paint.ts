import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import type { Browser, CDPSession, Page } from "playwright-core"

const DONE = "boo-useful-paint"

/** What must be true of the document when it is useful; text of an expression that the page evaluates. */
export interface PaintOptions {
  readonly url: string
  readonly ready: string
  readonly throttle: number
}

/** A context of its own per run: nothing is cached from the run before. */
export async function paintMs(browser: Browser, options: PaintOptions): Promise<number> {
  return inFreshPage(browser, options, (page) => painted(page, options.url))
}

/**
 * Processor time of the page's main thread until that paint, slowed like the rest: waiting for other programs is not in
 * it. Taken while the browser writes down its tasks, which costs a little time of its own.
 */
export async function paintCpuMs(browser: Browser, options: PaintOptions): Promise<number> {
  return inFreshPage(browser, options, async (page, session) => {
    const events: TraceEvent[] = []
    session.on("Tracing.dataCollected", ({ value }) => events.push(...(value as unknown as TraceEvent[])))
    const includedCategories = ["disabled-by-default-devtools.timeline", "blink.user_timing"]
    await session.send("Tracing.start", { transferMode: "ReportEvents", traceConfig: { includedCategories } })
    await painted(page, options.url)
    const complete = new Promise<void>((resolve) => session.once("Tracing.tracingComplete", () => resolve()))
    await session.send("Tracing.end")
    await complete
    return mainThreadCpuMs(events)
  })
}

interface TraceEvent {
  readonly name: string
  readonly pid: number
  readonly tid: number
  /** Microseconds: begin, and time of the thread's processor in it. */
  readonly ts: number
  readonly tdur?: number
}

function mainThreadCpuMs(events: readonly TraceEvent[]): number {
  const done = events.find(({ name }) => name === DONE)
  if (!done) throw new Error("the trace holds no useful paint")
  const tasks = events.filter(
    ({ name, pid, tid, ts }) => name === "RunTask" && pid === done.pid && tid === done.tid && ts <= done.ts,
  )
  return tasks.reduce((sum, { tdur = 0 }) => sum + tdur, 0) / 1000
}

async function inFreshPage(
  browser: Browser,
  { ready, throttle }: PaintOptions,
  run: (page: Page, session: CDPSession) => Promise<number>,
): Promise<number> {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 } })
  try {
    const page = await context.newPage()
    const session = await context.newCDPSession(page)
    await session.send("Emulation.setCPUThrottlingRate", { rate: throttle })
    await page.addInitScript(watchFor(ready))
    return await run(page, session)
  } finally {
    await context.close()
  }
}

async function painted(page: Page, url: string): Promise<number> {
  await page.goto(url, { waitUntil: "commit" })
  return page.evaluate<number>("window.firstUseful")
}

/** Runs in the page before anything of it. A message posted within a frame is delivered after that frame was painted. */
function watchFor(ready: string): string {
  return `
    window.firstUseful = new Promise((resolve) => {
      const look = () => {
        if (!(${ready})) return requestAnimationFrame(look)
        const { port1, port2 } = new MessageChannel()
        port1.onmessage = () => {
          performance.mark("${DONE}")
          resolve(performance.now())
        }
        port2.postMessage(null)
      }
      requestAnimationFrame(look)
    })`
}

/** The least a page can be: what it takes is the browser's and this machine's, not the cockpit's. */
export async function startControlPage(): Promise<{ url: string; stop: () => Promise<void> }> {
  const server = createServer((request, response) => {
    const isScript = request.url === "/control.js"
    response.writeHead(200, { "content-type": isScript ? "text/javascript" : "text/html; charset=utf-8" })
    response.end(
      isScript
        ? `document.body.textContent = "control"`
        : `<!doctype html><title>Control</title><body><script type="module" src="/control.js"></script>`,
    )
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    async stop() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

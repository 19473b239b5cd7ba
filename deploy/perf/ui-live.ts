import type { Browser } from "playwright-core"
import { startStub } from "../../ui/dev/stub-server.ts"
import { framesOf } from "./ui-frames.ts"
import type { FrameFigures } from "./ui-frames.ts"

const HOSTS = 200
const SECONDS = 15

export const LIVE = `Fleet page, ${HOSTS} hosts, each read once a second, for ${SECONDS} s`

/** The Fleet page while every host of a large fleet sends its sample each second, and requests end all the time. */
export async function liveFleet(browser: Browser): Promise<FrameFigures> {
  const stub = await startStub({ port: 0, hosts: HOSTS })
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 } })
  try {
    await page.goto(stub.url)
    await page.locator("[data-host] [data-model]").first().waitFor()
    // All cards and their histories are there: what is measured is life, not arrival.
    await page.waitForFunction((hosts) => document.querySelectorAll("[data-host]").length >= hosts, HOSTS)
    await framesOf(page, 2)
    return await framesOf(page, SECONDS)
  } finally {
    await page.close()
    await stub.stop()
  }
}

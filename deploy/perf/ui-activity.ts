import type { Browser, Page } from "playwright-core"
import { HostId } from "@boocontrol/shared/ids"
import { silentLog } from "../../hub/src/platform/log.ts"
import { connectPostgres } from "../../hub/src/platform/postgres.ts"
import { percentile } from "./figures.ts"
import { makeRequests } from "./history.ts"
import { startStack } from "./stack.ts"

const ROWS = 1_000_000
const HOSTS = 20
const DAYS = 14
const DAY_MS = 86_400_000
const ROUNDS = 12
const TARGET_MS = 200

export const ACTIVITY = `Activity page with ${ROWS.toLocaleString("en")} stored requests of ${HOSTS} hosts, real hub and Postgres, ${ROUNDS} rounds`

export interface ActionFigures {
  name: string
  ms: readonly number[]
}

/** What somebody does there: `act` in the page's own words, and how it is seen that the screen shows it. */
interface Action {
  name: string
  act: string
  seen: string
}

const rows = `[...document.querySelectorAll("[role=table] .rows [role=row]")]`
const texts = (cell: string): string =>
  `${rows}.map((row) => row.querySelector("${cell}")?.textContent ?? "")`
const press = (selector: string): string => `document.querySelector(${JSON.stringify(selector)}).click()`
const chip = (text: string): string =>
  `[...document.querySelectorAll(".filters button")].find((one) => one.textContent.trim() === "${text}").click()`
const choose = (label: string, value: string): string =>
  `{ const pick = document.querySelector('select[aria-label="Filter by ${label}"]');
     pick.value = ${JSON.stringify(value)}; pick.dispatchEvent(new Event("change", { bubbles: true })) }`
const type = (text: string): string =>
  `{ const input = document.querySelector(".filters input[type=search]");
     input.value = "${text}"; input.dispatchEvent(new Event("input", { bubbles: true })) }`
const all = (cell: string, value: string): string =>
  `${rows}.length > 1 && ${texts(cell)}.every((text) => text.startsWith("${value}"))`
const several = (cell: string): string => `new Set(${texts(cell)}).size > 1`
const dialog = `document.querySelector("dialog[open]")`
const scroller = `document.querySelector("[role=table] .rows")`
const inTheMiddle = `document.elementFromPoint(innerWidth / 2, innerHeight * 0.7)?.closest("[role=row]")`

const HOST = "load-0003"
const ACTIONS: readonly Action[] = [
  { name: "only errors", act: chip("errors"), seen: all(".status", "500") },
  {
    name: "errors no longer",
    act: chip("errors"),
    seen: `${texts(".status")}.some((text) => text.startsWith("200"))`,
  },
  { name: "one host", act: choose("host", HOST), seen: all(".host", HOST) },
  { name: "all hosts", act: press(`[aria-label="Remove host ${HOST}"]`), seen: several(".host") },
  { name: "one model", act: choose("model", "model-2"), seen: all(".model", "model-2") },
  { name: "all models", act: press(`[aria-label="Remove model model-2"]`), seen: several(".model") },
  { name: "search for a rare text", act: type("needle"), seen: `${rows}.length === 1` },
  { name: "clear the filters", act: press(".filters .clear"), seen: `${rows}.length > 1` },
  { name: "open a request", act: `${rows}[2].click()`, seen: `${dialog} !== null` },
  { name: "close it", act: `${dialog}.close()`, seen: `${dialog} === null` },
  { name: "scroll by three screens", act: `${scroller}.scrollTop += 2400`, seen: `!!${inTheMiddle}` },
  {
    name: "scroll to older requests",
    act: `window.tall = ${scroller}.scrollHeight; ${scroller}.scrollTop = window.tall`,
    seen: `${scroller}.scrollHeight > window.tall`,
  },
  { name: "back to the newest", act: `${scroller}.scrollTop = 0`, seen: `!!${inTheMiddle}` },
]

/** From the action to the frame that shows what it asked for, by the clock of the page. */
function timed({ name, act, seen }: Action): string {
  return `new Promise((resolve, reject) => {
    const startedAt = performance.now();
    ${act};
    const look = () => {
      if (${seen}) requestAnimationFrame(() => resolve(performance.now() - startedAt))
      else if (performance.now() - startedAt > 20000) reject(new Error("not seen: ${name}"))
      else requestAnimationFrame(look)
    }
    requestAnimationFrame(look)
  })`
}

async function rounds(page: Page): Promise<ActionFigures[]> {
  const figures = ACTIONS.map(({ name }) => ({ name, ms: [] as number[] }))
  // The first round loads what is loaded on demand.
  for (let round = 0; round <= ROUNDS; round++)
    for (const [index, action] of ACTIONS.entries()) {
      const ms = await page.evaluate<number>(timed(action))
      if (round > 0) figures[index]?.ms.push(ms)
    }
  return figures
}

/** A real hub over a million request rows, and a person who filters, searches, scrolls and opens. */
export async function activityActions(browser: Browser): Promise<ActionFigures[]> {
  const stack = await startStack()
  const sql = connectPostgres(stack.databaseUrl, { log: silentLog, max: 1, answerWithinMs: null })
  try {
    // Older than the hub's own partitions, which it has made for now and for what comes.
    const nowMs = Math.floor(Date.now() / DAY_MS) * DAY_MS - 2 * DAY_MS
    const ids = Array.from({ length: HOSTS }, (_, n) => HostId.parse(`load-${String(n).padStart(4, "0")}`))
    await makeRequests(sql, { nowMs, days: DAYS, hosts: HOSTS, requests: ROWS, rawHours: 0 })
    await sql`insert into control_hosts (provider_id, display_name) select id, id from unnest(${ids}::text[]) id`
    await sql`vacuum analyze`
    const page = await browser.newPage({ viewport: { width: 1440, height: 900 } })
    await page.goto(new URL("/activity", stack.hubUrl).href)
    await page.locator("[role=table] .rows [role=row]").nth(10).waitFor()
    await page.locator(`option[value="${HOST}"]`).first().waitFor({ state: "attached" })
    return await rounds(page)
  } finally {
    await sql.end()
    await stack.stop()
  }
}

export const actionsMet = (figures: readonly ActionFigures[]): boolean =>
  figures.every(({ ms }) => percentile(ms, 0.95) <= TARGET_MS)

export function actionLines(figures: readonly ActionFigures[]): string {
  const line = ({ name, ms }: ActionFigures): string => {
    const p95 = percentile(ms, 0.95)
    const verdict = p95 <= TARGET_MS ? "met" : "NOT MET"
    return `  ${name.padEnd(26)} p50 ${percentile(ms, 0.5).toFixed(0).padStart(4)} ms  p95 ${p95.toFixed(0).padStart(4)} ms  ${verdict}`
  }
  return `\n${ACTIVITY}, target p95 ${TARGET_MS} ms each:\n${figures.map(line).join("\n")}`
}

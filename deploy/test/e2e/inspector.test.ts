import { chromium } from "playwright-core"
import type { Browser, Page } from "playwright-core"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { browserWays, findBrowser } from "../../local/src/browser.ts"
import { eventually, startProduct } from "./product.ts"
import type { Product } from "./product.ts"

interface Rows {
  rows: { id: string; model: string; has_capture: boolean }[]
}

interface Fleet {
  hosts: {
    provider_id: string
    advertise_url: string
    liveness: string
    models: { id: string; state: string }[]
  }[]
}

const SWAPPED_IN = "qwen3-4b"

let product: Product
let browser: Browser
let engineUrl = ""

beforeAll(async () => {
  product = await startProduct(["--demo"])
  const executablePath = await findBrowser(browserWays(process.env.CHROMIUM), console.error)
  browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] })
  const fleet = () => product.json<Fleet>("/api/control/fleet")
  const { hosts } = await eventually(fleet, (answer) =>
    answer.hosts.some(({ provider_id, liveness }) => provider_id === "embedding" && liveness === "connected"),
  )
  engineUrl = hosts.find(({ provider_id }) => provider_id === "embedding")?.advertise_url ?? ""
}, 240_000)
afterAll(async () => {
  await browser?.close()
  await product?.stop()
  product?.remove()
})

/** Its next request has to load it. */
async function unloaded(model: string): Promise<void> {
  await fetch(`${product.url}/api/control/hosts/embedding/actions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ action: "unload", model }),
  })
  await eventually(
    () => product.json<Fleet>("/api/control/fleet"),
    ({ hosts }) =>
      hosts
        .find(({ provider_id }) => provider_id === "embedding")
        ?.models.some(({ id, state }) => id === model && state === "stopped") ?? false,
  )
}

async function open(path: string): Promise<Page> {
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 } })
  await page.goto(new URL(path, product.url).href)
  return page
}

/** `chat`: of a model that the demo's own traffic hardly asks for, so that no other request ends in the same moment. */
async function ask(
  source: string,
  kind: "embeddings" | "chat" = "embeddings",
): Promise<Rows["rows"][number]> {
  const asked = "How warm is the card?"
  const reply = await fetch(`${engineUrl}/v1/${kind === "chat" ? "chat/completions" : kind}`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "x-boo-source": source,
      authorization: "Bearer sk-abc123def456",
    },
    body: JSON.stringify(
      kind === "chat"
        ? { model: SWAPPED_IN, messages: [{ role: "user", content: asked }], max_tokens: 4 }
        : { model: "bge-m3", input: asked },
    ),
  })
  await reply.arrayBuffer()
  const { rows } = await eventually(
    () => product.json<Rows>(`/api/control/activity?source=${source}`),
    (answer) => answer.rows.length === 1,
  )
  const [row] = rows
  if (!row) throw new Error("no row")
  return row
}

describe("somebody who looks into things", () => {
  it("opens a request, fetches its capture from the host, and finds it stored by its link", async () => {
    const row = await ask("looked-into", "chat")
    expect(row.has_capture).toBe(true)
    const page = await open(`/activity?request=${row.id}`)
    const drawer = page.getByRole("dialog", { name: "Request" })
    // On a busy machine the host may not answer in time; then the drawer says so, and the button is still there.
    const fetching = drawer.getByRole("button", { name: "Fetch it from its host" })
    await eventually(
      async () => {
        if (await fetching.isVisible()) await fetching.click()
        return await drawer.innerText()
      },
      (text) => text.includes("How warm is the card?"),
      60_000,
    )
    await drawer.getByRole("button", { name: "Raw" }).click()
    await drawer.getByText("headers").first().click()
    await drawer.getByText("[REDACTED]").first().waitFor()
    await page.keyboard.press("Escape")
    await drawer.waitFor({ state: "detached" })
    await page.waitForURL((url) => !url.searchParams.has("request"))
    await page.close()
    const again = await open(`/activity?request=${row.id}`)
    await again.getByText("How warm is the card?").first().waitFor()
    await again.close()
  })

  it("finds the request that caused a swap", async () => {
    await unloaded(SWAPPED_IN)
    const reply = await fetch(`${engineUrl}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json", "x-boo-source": "swapper" },
      body: JSON.stringify({ model: SWAPPED_IN, messages: [{ role: "user", content: "hi" }], max_tokens: 4 }),
    })
    await reply.arrayBuffer()
    const rows = () => product.json<Rows>("/api/control/activity?source=swapper")
    const [row] = (await eventually(rows, (answer) => answer.rows.length === 1)).rows
    const page = await open("/timeline/embedding?as=table")
    const lines = page.locator("tbody tr", { hasText: SWAPPED_IN })
    await lines.filter({ hasText: "starting" }).first().waitFor()
    await lines.filter({ hasText: "swapper" }).getByRole("button").first().click()
    await page.waitForURL((url) => url.searchParams.get("request") === row?.id)
    await page.getByRole("dialog", { name: "Request" }).getByText("swapper").first().waitFor()
    await page.close()
  })

  it("follows a log as it is written, and narrows it to one model", async () => {
    const page = await open("/logs?host=embedding")
    await ask("followed")
    await page.locator("[role=log]").getByText("POST /v1/embeddings").first().waitFor()
    await page.getByRole("combobox", { name: "Filter by model" }).selectOption("bge-m3")
    await page.locator("[role=log] .who", { hasText: "bge-m3" }).first().waitFor()
    await page.locator("[role=log] .who.own").first().waitFor({ state: "detached" })
    await page.waitForURL((url) => url.searchParams.get("model") === "bge-m3")
    await page.close()
  })
})

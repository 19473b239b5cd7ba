import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { chromium } from "playwright-core"
import type { Browser, BrowserContext, Page } from "playwright-core"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { browserWays, findBrowser } from "../../local/src/browser.ts"
import { eventually, startProduct } from "./product.ts"
import type { Product } from "./product.ts"

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
]
const DEMO_HOSTS = ["embedding", "garage-p40", "rack-01", "sam-desktop"]
const PAGES = [
  "/",
  "/activity?by=source",
  "/hosts/sam-desktop",
  "/logs",
  "/timeline",
  "/routing",
  "/keys",
  "/leases",
  "/storage",
  "/playground",
]
const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js")

interface Fleet {
  hosts: {
    provider_id: string
    liveness: string
    advertise_url: string
    simulated: boolean
    models: { id: string; state: string }[]
  }[]
  seqs: Record<string, number>
}
interface Rows {
  rows: {
    id: string
    swap_entry_id: number
    model: string
    source: string | null
    output_tokens: number | null
  }[]
  next: string | null
}

let product: Product
let browser: Browser
let context: BrowserContext

const fleet = () => product.json<Fleet>("/api/control/fleet")
const engineOf = async (id: string) => {
  const host = (await fleet()).hosts.find(({ provider_id }) => provider_id === id)
  if (!host) throw new Error(`no host ${id}`)
  return host.advertise_url
}

async function open(path: string, size = { width: 1440, height: 900 }): Promise<Page> {
  const page = await context.newPage()
  await page.setViewportSize(size)
  await page.goto(new URL(path, product.url).href)
  return page
}

async function ask(engineUrl: string, model: string, source: string): Promise<number> {
  const reply = await fetch(`${engineUrl}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-boo-source": source },
    body: JSON.stringify({
      model,
      max_tokens: 16,
      messages: [{ role: "user", content: "How warm is the card?" }],
    }),
  })
  await reply.arrayBuffer()
  return reply.status
}

beforeAll(async () => {
  const executablePath = await findBrowser(browserWays(process.env.CHROMIUM), () => undefined)
  product = await startProduct(["--demo"])
  browser = await chromium.launch({ executablePath, args: FLAGS })
  context = await browser.newContext({ colorScheme: "dark", reducedMotion: "reduce" })
})

afterAll(async () => {
  await browser?.close()
  await product?.stop()
  product?.remove()
})

describe("the demo fleet in the cockpit", () => {
  it("shows four live hosts, each labelled as simulated, with readings of their cards", async () => {
    const page = await open("/")
    for (const id of DEMO_HOSTS) {
      const card = page.locator(`[data-host="${id}"]`)
      await card.waitFor()
      await card.getByText("simulated").waitFor()
      await card.getByText(/GiB VRAM/).waitFor()
    }
    await page.getByText("Connected", { exact: true }).waitFor()
    const up = await eventually(fleet, ({ hosts }) =>
      hosts.filter((host) => host.simulated).every((host) => host.liveness === "connected"),
    )
    expect(
      up.hosts
        .filter((host) => host.simulated)
        .map((host) => host.provider_id)
        .toSorted(),
    ).toEqual(DEMO_HOSTS)
    await page.close()
  })

  it("sends the fleet in the page itself, with its moment, and takes it over without a complaint", async () => {
    const still = await browser.newContext({
      javaScriptEnabled: false,
      viewport: { width: 1440, height: 900 },
    })
    const written = await still.newPage()
    await written.goto(product.url)
    expect(await written.locator(".as-of").textContent()).toMatch(/as of \d\d:\d\d:\d\d UTC/)
    for (const id of DEMO_HOSTS) await written.locator(`[data-host="${id}"] [data-model]`).first().waitFor()
    await still.close()

    const page = await context.newPage()
    const complaints: string[] = []
    page.on("console", (message) => message.type() === "error" && complaints.push(message.text()))
    page.on("pageerror", (error) => complaints.push(error.message))
    await page.goto(product.url, { waitUntil: "commit" })
    await page.getByText("Connected", { exact: true }).waitFor()
    await page.locator("html[data-fonts]:not([data-as-of])").waitFor()
    expect(complaints).toEqual([])
    await page.close()
  })

  it("brings a request from a host's llama-swap to the card, the feed and the table, with its source", async () => {
    const page = await open("/")
    const model = page.locator('[data-host="embedding"] [data-model="qwen3-4b"]')
    await model.waitFor()
    const answered = ask(await engineOf("embedding"), "qwen3-4b", "e2e-check")
    await page
      .locator('[data-host="embedding"] [data-model="qwen3-4b"][data-state="ready"]')
      .waitFor({ timeout: 60_000 })
    expect(await answered).toBe(200)
    const found = await eventually(
      () => product.json<Rows>("/api/control/activity?source=e2e-check"),
      ({ rows }) => rows.length === 1,
    )
    expect(found.rows[0]).toMatchObject({ model: "qwen3-4b", output_tokens: 16 })
    await page.goto(new URL("/activity?source=e2e-check", product.url).href)
    await page.locator('main :text("qwen3-4b"):visible').first().waitFor()
    await page.close()
  })

  it("keeps a star and a hidden model over a reload, and shows hidden ones on request", async () => {
    const page = await open("/")
    const card = page.locator('[data-host="sam-desktop"]')
    await card.getByRole("button", { name: "Star glm-4.6-air" }).click({ force: true })
    await card.getByRole("button", { name: "Take the star from glm-4.6-air" }).waitFor()
    await card.getByRole("button", { name: "Hide gemma3-12b" }).click({ force: true })
    await card.locator('[data-model="gemma3-12b"]').waitFor({ state: "detached" })
    await page.reload()
    await card.getByRole("button", { name: "Take the star from glm-4.6-air" }).waitFor()
    expect(await card.locator('[data-model="gemma3-12b"]').count()).toBe(0)
    await page.getByRole("button", { name: /Show hidden/ }).click()
    await card.locator('[data-model="gemma3-12b"]').waitFor()
    await page.close()
  })

  it("makes a key that is shown once, tells what is used of it, and revokes it", async () => {
    const page = await open("/keys")
    await page.getByRole("button", { name: "New key" }).click()
    await page.getByLabel("Label", { exact: true }).fill("e2e-key")
    await page.getByLabel("Requests per minute").fill("1")
    await page.keyboard.press("Enter")
    const key = (await page.getByLabel("The key", { exact: true }).textContent()) ?? ""
    await page.getByRole("button", { name: "Done" }).click()
    await page.getByRole("button", { name: "Close all the same" }).click()
    const use = async () => {
      const reply = await fetch(`${product.url}/v1/chat/completions`, {
        method: "POST",
        headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
        body: JSON.stringify({ model: "bge-m3", max_tokens: 4, messages: [] }),
      })
      await reply.arrayBuffer()
      return reply.status
    }
    expect(await use()).not.toBe(401)
    expect(await use()).toBe(429)
    const row = page.locator('[data-key="e2e-key"]')
    await row.getByText("1 of 1 requests").waitFor()
    await row.getByText("e2e-key from 127.0.0.1, node").waitFor()
    await row.getByRole("button", { name: /^Revoke/ }).click()
    await page.getByRole("dialog").getByRole("button", { name: "Revoke e2e-key" }).click()
    await row.waitFor({ state: "detached" })
    expect(await use()).toBe(401)
    await page.close()
  })

  it("opens a host's page from the keyboard, with charts drawn", async () => {
    const page = await open("/")
    await page.locator('[data-host="rack-01"]').waitFor()
    await page.keyboard.press("Control+k")
    await page.getByRole("combobox").fill("rack")
    await page.keyboard.press("Enter")
    await page.waitForURL(/\/hosts\/rack-01$/)
    await page.locator("canvas").first().waitFor()
    await page.close()
  })

  it.each(PAGES)("has no serious accessibility finding on %s", async (path) => {
    for (const scheme of ["dark", "light"] as const) {
      const page = await open(path)
      await page.emulateMedia({ colorScheme: scheme, reducedMotion: "reduce" })
      await page.getByText("Connected", { exact: true }).waitFor()
      await page.evaluate(readFileSync(AXE, "utf8"))
      const findings = await page.evaluate(async () => {
        const { axe } = globalThis as unknown as {
          axe: {
            run: () => Promise<{ violations: { id: string; impact: string; nodes: { html: string }[] }[] }>
          }
        }
        const { violations } = await axe.run()
        return violations
          .filter(({ impact }) => impact === "serious" || impact === "critical")
          .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 160)).join(" | ")}`)
      })
      expect(findings, `${path} in ${scheme}`).toEqual([])
      await page.close()
    }
  })

  it.each(PAGES)("fits a phone: nothing wider than 390 px on %s", async (path) => {
    const page = await open(path, { width: 390, height: 844 })
    await page.locator("main").first().waitFor()
    const wide = await page.evaluate(() => document.documentElement.scrollWidth)
    expect(wide).toBeLessThanOrEqual(390)
    await page.close()
  })
})

describe("when a part dies", () => {
  it("says so in the cockpit, comes back by itself, and loses and doubles no row", async () => {
    const page = await open("/")
    await page.getByText("Connected", { exact: true }).waitFor()
    const before = await fleet()
    const engineUrl = await engineOf("embedding")
    // A hub that comes back within two seconds is not worth a banner: it is killed until it stays away for longer.
    await eventually(
      async () => {
        const pid = hubPid()
        if (pid !== null) process.kill(pid, "SIGKILL")
        return page.getByRole("alert").isVisible()
      },
      (isShown) => isShown,
    )
    await ask(engineUrl, "bge-m3", "while-down")
    await page.getByText("Connected", { exact: true }).waitFor({ timeout: 60_000 })
    await page.getByRole("alert").waitFor({ state: "detached" })
    await eventually(
      () => product.json<Rows>("/api/control/activity?source=while-down"),
      ({ rows }) => rows.length === 1,
      60_000,
    )
    const after = await eventually(fleet, ({ hosts }) =>
      hosts.some(({ liveness }) => liveness === "connected"),
    )
    for (const id of DEMO_HOSTS) expect(after.seqs[id]).toBeGreaterThan(before.seqs[id] ?? 0)

    const stored = await eventually(
      async () => ({ kept: await storedIds("embedding"), made: await engineIds(engineUrl) }),
      ({ kept, made }) => made.every((id) => kept.includes(id)),
    )
    expect(new Set(stored.kept).size).toBe(stored.kept.length)
    await page.close()
  })

  it("leaves nothing behind after SIGTERM", async () => {
    expect(product.leftBehind().length).toBeGreaterThan(3)
    expect(await product.stop()).toBe(0)
    expect(product.leftBehind()).toEqual([])
  })
})

function hubPid(): number | null {
  const line = product.leftBehind().find((one) => one.includes("hub/src/main.ts"))
  return line ? Number(line.split(" ")[0]) : null
}

async function storedIds(hostId: string): Promise<number[]> {
  const ids: number[] = []
  let cursor: string | null = ""
  while (cursor !== null) {
    const page: Rows = await product.json(
      `/api/control/activity?provider_id=${hostId}&limit=500${cursor ? `&cursor=${cursor}` : ""}`,
    )
    ids.push(...page.rows.map(({ swap_entry_id }) => swap_entry_id))
    cursor = page.next
  }
  return ids
}

/** Ids that the host's own store holds. */
async function engineIds(engineUrl: string): Promise<number[]> {
  const reply = await fetch(`${engineUrl}/api/metrics/activity?limit=999`)
  return ((await reply.json()) as { data: { id: number }[] }).data.map(({ id }) => id)
}

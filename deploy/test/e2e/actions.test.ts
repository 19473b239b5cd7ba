import { chromium } from "playwright-core"
import type { Browser, Page } from "playwright-core"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { browserWays, findBrowser } from "../../local/src/browser.ts"
import { eventually, startProduct } from "./product.ts"
import type { Product } from "./product.ts"

const FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]

interface Action {
  action: string
  model: string | null
  state: string
  reason: string | null
}
interface Host {
  provider_id: string
  liveness: string
  models: { id: string; state: string | null; peer: string | null }[]
  actions: Action[]
  lease: { holder: string; lease_id: string } | null
}

let product: Product
let browser: Browser

const hosts = async () => (await product.json<{ hosts: Host[] }>("/api/control/fleet")).hosts
const hostNamed = async (id: string) => {
  const host = (await hosts()).find(({ provider_id }) => provider_id === id)
  if (!host) throw new Error(`no host ${id}`)
  return host
}
/** A host with a model that is not loaded, and no lease; of a small one a load takes seconds, of others most of a minute. */
const idle = (among: (id: string) => boolean = () => true) =>
  eventually(
    async () => {
      const found = (await hosts()).find(
        ({ provider_id, liveness, lease, actions, models }) =>
          among(provider_id) &&
          liveness === "connected" &&
          lease === null &&
          actions.every(({ state }) => state !== "waiting" && state !== "running") &&
          models.some(({ state, peer }) => state === "stopped" && peer === null),
      )
      const models = found?.models.filter(({ state, peer }) => state === "stopped" && peer === null) ?? []
      return { host: found?.provider_id ?? "", models: models.map(({ id }) => id) }
    },
    ({ host }) => host !== "",
    100_000,
  )

const post = (path: string, body: unknown) =>
  fetch(`${product.url}/api/control${path}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  })

async function openHost(id: string): Promise<Page> {
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 }, colorScheme: "dark" })
  await page.goto(`${product.url}/hosts/${id}`)
  return page
}

beforeAll(async () => {
  const executablePath = await findBrowser(browserWays(process.env.CHROMIUM), () => undefined)
  product = await startProduct(["--demo"])
  browser = await chromium.launch({ executablePath, args: FLAGS })
})
afterAll(async () => {
  await browser?.close()
  await product?.stop()
  product?.remove()
})

describe("a person at the controls", () => {
  it("loads a model, and sees that it was asked, that it is done, and that the model is ready", async () => {
    // Its traffic loads it now and then, and its idle time ends only after a while.
    await eventually(
      () => post("/hosts/embedding/actions", { action: "unload", model: "qwen3-4b" }),
      ({ status }) => status === 202,
    )
    const { host, models } = await idle((id) => id === "embedding")
    const model = models[0] ?? ""
    const page = await openHost(host)
    await page.getByRole("button", { name: `Load ${model}`, exact: true }).click()
    const queue = page.getByRole("list", { name: "Queue of this host" })
    await queue.getByText(`load ${model}`, { exact: true }).waitFor()
    await page.getByRole("button", { name: `Unload ${model}`, exact: true }).waitFor({ timeout: 60_000 })
    const warm = (await hostNamed(host)).actions.find(
      ({ action, model: of }) => action === "warm" && of === model,
    )
    expect(warm).toMatchObject({ state: expect.stringMatching(/^(?:done|running)$/), reason: null })
    await page.close()
  }, 200_000)

  it("is told why an action was skipped at its turn, and sees the next one run", async () => {
    // Asked for all the time, and never unloaded for lack of use.
    const [host, model] = ["embedding", "bge-m3"]
    await eventually(
      () => hostNamed(host),
      ({ models }) => models.some(({ id, state }) => id === model && state === "ready"),
    )
    const page = await openHost(host)
    const asked = [{ action: "warm", model }, { action: "unload_all" }]
    for (const action of asked) expect((await post(`/hosts/${host}/actions`, action)).status).toBe(202)
    const queue = page.getByRole("list", { name: "Queue of this host" })
    await queue.getByText("skipped: it is ready already").first().waitFor()
    await queue.locator("li", { hasText: "unload all" }).and(queue.locator("[data-state=done]")).waitFor()
    await page.close()
  })

  it("fills the queue, and is shown what is in it when no more is taken", async () => {
    const { host, models } = await idle()
    const page = await openHost(host)
    await page.getByRole("button", { name: "Unload all" }).waitFor()
    const warm = (n: number) =>
      post(`/hosts/${host}/actions`, { action: "warm", model: models[n % models.length] })
    const taken = await Promise.all(Array.from({ length: 6 }, (_, n) => warm(n)))
    expect(taken.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([
      202, 202, 202, 202, 202, 429,
    ])
    const dialog = page.getByRole("dialog", { name: `The queue of ${host} is full` })
    // On a busy machine the first of them is done before the click, which then is taken.
    await eventually(
      async () => {
        for (let n = 0; (await warm(n)).status !== 429; n++);
        await page.getByRole("button", { name: "Unload all" }).click()
        const inLine = dialog.getByText("waits its turn").first()
        return inLine.waitFor({ timeout: 3_000 }).then(
          () => true,
          () => false,
        )
      },
      (isShown) => isShown,
      90_000,
    )
    await page.keyboard.press("Escape")
    await dialog.waitFor({ state: "detached" })
    await page.close()
  })

  it("takes over a leased host only after a look at who holds it", async () => {
    const { host, models } = await idle()
    const model = models[0] ?? ""
    const lease = {
      provider_id: host,
      holder: "nightly",
      purpose: "speed bench",
      mode: "exclusive",
      ttl_s: 300,
    }
    expect((await post("/leases", lease)).status).toBe(201)
    const page = await openHost(host)
    await page.getByText("leased to nightly: speed bench").waitFor()
    await page.getByRole("button", { name: `Load ${model}`, exact: true }).click()
    const dialog = page.getByRole("dialog", { name: `Take over ${host}` })
    await dialog.getByText("nightly", { exact: true }).waitFor()
    expect((await hostNamed(host)).lease?.holder).toBe("nightly")
    await dialog.getByRole("button", { name: /^Take over/ }).click()
    await eventually(
      () => hostNamed(host),
      ({ lease: held, actions }) => held === null && actions.some((action) => action.model === model),
    )
    await page.close()
  })
})

// Takes the pictures of the guide from the demo fleet: `pnpm docs:images [--after-s 300] [--only inspector]`.
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { chromium } from "playwright-core"
import { browserWays, findBrowser } from "../../local/src/browser.ts"
import { eventually, startProduct } from "./product.ts"

interface Picture {
  readonly name: string
  readonly path: string
  readonly width: 1440 | 390
  readonly theme: "dark" | "light"
}

const OUT = join(import.meta.dirname, "../../../docs/images")
/** The fleet has a past by then: five minutes fill the sparklines and the timeline. */
const { values } = parseArgs({
  options: { "after-s": { type: "string", default: "300" }, only: { type: "string", default: "" } },
})
/** Charts and fonts are there by then, on a slow machine too. */
const SETTLED_MS = 4_000
const ASK_EVERY_MS = 8_000

const product = await startProduct(["--demo"])
const post = (path: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(`${product.url}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  })

/** Two programs with keys of their own, which ask through the gateway. */
async function useGateway(untilMs: number): Promise<void> {
  const programs = [
    {
      key: { label: "editor", models: ["auto:code", "qwen3-coder-30b"], tokens_per_day: 500_000 },
      model: "auto:code",
    },
    { key: { label: "mail", requests_per_min: 30, money_per_month: 20 }, model: "auto" },
  ]
  const asking = programs.map(async ({ key, model }) => {
    const { key: secret } = (await (await post("/api/control/keys", key)).json()) as { key: string }
    const messages = [{ role: "user", content: "Which of these three would you keep, and why?" }]
    while (Date.now() < untilMs) {
      const headers = { authorization: `Bearer ${secret}` }
      await (await post("/v1/chat/completions", { model, messages, max_tokens: 60 }, headers)).arrayBuffer()
      await new Promise((resolve) => setTimeout(resolve, ASK_EVERY_MS))
    }
  })
  await Promise.all(asking)
}

try {
  console.error(`the demo fleet runs at ${product.url}; pictures in ${values["after-s"]} s`)
  await useGateway(Date.now() + Number(values["after-s"]) * 1_000)
  const { rows } = await eventually(
    () => product.json<{ rows: { id: string }[] }>("/api/control/activity?source=boocoder&limit=1"),
    (answer) => answer.rows.length > 0,
  )
  const request = rows[0]?.id ?? ""
  await post(`/api/control/activity/${request}/capture`, {})
  const pictures: Picture[] = [
    { name: "fleet-dark", path: "/", width: 1440, theme: "dark" },
    { name: "fleet-light", path: "/", width: 1440, theme: "light" },
    { name: "fleet-phone", path: "/", width: 390, theme: "dark" },
    { name: "activity", path: "/activity", width: 1440, theme: "dark" },
    { name: "inspector", path: `/activity?request=${request}`, width: 1440, theme: "dark" },
    { name: "timeline", path: "/timeline/sam-desktop?range=15m", width: 1440, theme: "dark" },
    { name: "timeline-phone", path: "/timeline/sam-desktop?range=15m", width: 390, theme: "light" },
    { name: "host", path: "/hosts/rack-01?range=15m", width: 1440, theme: "light" },
    { name: "logs", path: "/logs", width: 1440, theme: "dark" },
    { name: "routing", path: "/routing", width: 1440, theme: "light" },
    { name: "keys", path: "/keys", width: 1440, theme: "dark" },
    { name: "storage", path: "/storage", width: 1440, theme: "dark" },
  ]
  mkdirSync(OUT, { recursive: true })
  const executablePath = await findBrowser(browserWays(process.env.CHROMIUM), console.error)
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] })
  for (const { name, path, width, theme } of pictures) {
    if (!name.startsWith(values.only)) continue
    const height = width === 390 ? 844 : 900
    const page = await browser.newPage({ viewport: { width, height }, colorScheme: theme })
    await page.goto(`${product.url}${path}`)
    await page.waitForTimeout(SETTLED_MS)
    await page.screenshot({ path: join(OUT, `${name}.png`) })
    await page.close()
    console.error(`docs/images/${name}.png`)
  }
  await browser.close()
} finally {
  await product.stop()
  product.remove()
}

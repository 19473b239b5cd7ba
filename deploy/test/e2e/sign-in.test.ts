import { chromium } from "playwright-core"
import type { Browser, Page } from "playwright-core"
import { afterAll, beforeAll, expect, it } from "vitest"
import { browserWays, findBrowser } from "../../local/src/browser.ts"
import { startProduct } from "./product.ts"
import type { Product } from "./product.ts"

const TOKEN = "a-token-of-sixteen-and-more"

let product: Product
let browser: Browser
let page: Page

beforeAll(async () => {
  product = await startProduct(["--no-demo"], { BOO_ADMIN_TOKEN: TOKEN, BOO_HOST_ID: "den" })
  const executablePath = await findBrowser(browserWays(process.env.CHROMIUM), console.error)
  browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] })
  const person = await browser.newContext({ viewport: { width: 1440, height: 900 } })
  page = await person.newPage()
}, 240_000)
afterAll(async () => {
  await browser?.close()
  await product?.stop()
  product?.remove()
})

const field = () => page.getByLabel("Token")
const host = () => page.getByRole("link", { name: "den" }).first()

it("shows nothing before somebody has signed in, and says what is wrong with a token", async () => {
  await page.goto(new URL("/activity", product.url).href)
  await page.getByRole("heading", { name: "Sign in" }).waitFor()
  expect(await page.getByRole("alert").count()).toBe(0)
  await field().fill("a guess")
  await page.keyboard.press("Enter")
  await page.getByText("This is not the token of this hub").waitFor()
})

it("is where one wanted to go once one has, lives, and still knows who one is in another tab", async () => {
  await field().fill(TOKEN)
  await page.keyboard.press("Enter")
  await page.getByRole("heading", { name: "Activity" }).waitFor()
  await page.getByText("Connected", { exact: true }).waitFor()
  const other = await page.context().newPage()
  await other.goto(product.url)
  await other.getByRole("link", { name: "den" }).first().waitFor()
  await other.close()
  await page.goto(product.url)
  await host().waitFor()
})

it("asks again after signing out", async () => {
  await page.getByRole("button", { name: "Sign out" }).click()
  await page.getByRole("heading", { name: "Sign in" }).waitFor()
  expect(await host().count()).toBe(0)
})

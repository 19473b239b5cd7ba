import { expect, it } from "vitest"
import { browserWays, findBrowser } from "./browser.ts"
import type { BrowserWay } from "./browser.ts"

const way = (name: string, path: string | Error, fetches = false): BrowserWay => ({
  name,
  fetches,
  find: () => (typeof path === "string" ? Promise.resolve(path) : Promise.reject(path)),
})

it("takes the first browser that runs, and says what it has to fetch", async () => {
  const said: string[] = []
  const ways = [
    way("PATH", new Error("none")),
    way("a broken one", "/nowhere/chromium", true),
    way("a working one", process.execPath, true),
    way("one more", new Error("must not be asked"), true),
  ]
  expect(await findBrowser(ways, (line) => said.push(line))).toBe(process.execPath)
  expect(said).toEqual(["Chromium: trying a broken one", "Chromium: trying a working one"])
})

it("names every way and what to do when there is none", async () => {
  const ways = [way("PATH", new Error("not there")), way("download", new Error("no network"))]
  await expect(findBrowser(ways, () => undefined)).rejects.toThrow(
    /PATH: not there[^]*download: no network[^]*CHROMIUM=/,
  )
})

it("prefers the one that CHROMIUM names", async () => {
  expect(await browserWays("/my/chromium")[0]?.find()).toBe("/my/chromium")
})

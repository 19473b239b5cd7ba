import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import Fastify from "fastify"
import { expect, it, onTestFinished } from "vitest"
import { installHttpRules } from "./http.ts"
import { installStatic, withBase, withScripts } from "./static.ts"

const PAGE =
  '<!doctype html><html><head><script>start()</script><script src="./assets/a-1.js"></script></head></html>'

async function served(basePath: string, isBuilt = true) {
  const root = mkdtempSync(join(tmpdir(), "static-"))
  if (isBuilt) {
    mkdirSync(join(root, "assets"))
    writeFileSync(join(root, "index.html"), PAGE)
    writeFileSync(join(root, "assets", "a-1.js"), "go()")
    writeFileSync(join(root, "assets", "a-1.js.gz"), gzipSync("go()"))
    writeFileSync(join(root, "favicon.svg"), "<svg/>")
  }
  writeFileSync(join(root, "..", "outside.txt"), "secret")
  const app = Fastify()
  installHttpRules(app)
  await installStatic(app, { root, basePath, contentSecurityPolicy: "default-src 'self'" })
  onTestFinished(() => app.close())
  return (url: string, headers: Record<string, string> = {}) => app.inject({ url, headers })
}
const browser = { accept: "text/html,*/*" }

it("serves the page for every address of the cockpit, with the base path in it", async () => {
  const get = await served("/control")
  for (const path of [
    "/control/",
    "/control/hosts/box",
    "/control/models/llama-3.1",
    "/control/index.html",
  ]) {
    const reply = await get(path, browser)
    expect([path, reply.statusCode, reply.headers["cache-control"]]).toEqual([path, 200, "no-cache"])
    expect(reply.body).toContain('<head><base href="/control/">')
    expect(reply.headers["content-security-policy"]).toMatch(/script-src 'self' 'sha256-[\w+/=]+'$/)
  }
  expect((await get("/control")).headers.location).toBe("/control/")
  expect((await get("/", browser)).statusCode).toBe(404)
})

it("lets browsers keep what has a hash in its name for ever, and asks again for the rest", async () => {
  const get = await served("/")
  const script = await get("/assets/a-1.js")
  expect(script.headers["cache-control"]).toBe("public, max-age=31536000, immutable")
  expect((await get("/favicon.svg")).headers["cache-control"]).toBe("no-cache")
})

it("sends the compressed file that stands beside the file", async () => {
  const get = await served("/")
  const reply = await get("/assets/a-1.js", { "accept-encoding": "gzip" })
  expect(reply.headers["content-encoding"]).toBe("gzip")
  expect(reply.rawPayload).toEqual(gzipSync("go()"))
})

it.each([
  ["/assets/gone-2.js", "*/*"],
  ["/api/control/nothing", "text/html"],
  ["/v1/nothing", "text/html"],
  ["/../outside.txt", "*/*"],
  ["/..%2foutside.txt", "*/*"],
  ["/assets/%2e%2e/%2e%2e/outside.txt", "*/*"],
  ["/%E0%A4%A", "*/*"],
])("answers 404 or 400 in JSON for %s", async (url, accept) => {
  const get = await served("/")
  const reply = await get(url, { accept })
  expect([400, 404]).toContain(reply.statusCode)
  expect(reply.headers["content-type"]).toContain("application/json")
  expect(reply.body).not.toContain("secret")
})

it("says how to build the cockpit when it is not built", async () => {
  const get = await served("/", false)
  const reply = await get("/", browser)
  expect(reply.statusCode).toBe(503)
  expect(reply.body).toContain("pnpm build")
})

it("replaces a base that the page has already", () => {
  expect(withBase('<head><base href="/old/"><title>x</title></head>', "/new/")).toBe(
    '<head><base href="/new/"><title>x</title></head>',
  )
})

it("allows no inline script where the page has none", () => {
  expect(withScripts("default-src 'self'", '<script src="a.js"></script>')).toBe("default-src 'self'")
})

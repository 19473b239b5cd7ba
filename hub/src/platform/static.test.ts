import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import Fastify from "fastify"
import type { Frame } from "@boocontrol/shared/frames"
import { describe, expect, it, onTestFinished } from "vitest"
import type { Actor } from "../access/index.ts"
import { createFirstScreen } from "./first-screen.ts"
import type { FirstScreen } from "./first-screen.ts"
import { installHttpRules } from "./http.ts"
import { silentLog } from "./log.ts"
import { installStatic, withBase, withScripts } from "./static.ts"

const PAGE =
  '<!doctype html><html><head><script>start()</script><script src="./assets/a-1.js"></script></head></html>'

interface Given {
  isBuilt?: boolean
  actor?: Actor["kind"]
  firstScreen?: FirstScreen
}

async function served(basePath: string, { isBuilt = true, actor, firstScreen }: Given = {}) {
  const root = mkdtempSync(join(tmpdir(), "static-"))
  if (isBuilt) {
    mkdirSync(join(root, "assets"))
    writeFileSync(join(root, "index.html"), PAGE)
    writeFileSync(join(root, "assets", "a-1.js"), "go()")
    writeFileSync(join(root, "assets", "a-1.js.gz"), gzipSync("go()"))
    writeFileSync(join(root, "favicon.svg"), "<svg/>")
    writeFileSync(join(root, "manifest.webmanifest"), "{}")
    writeFileSync(join(root, "icon-192.png"), "")
  }
  writeFileSync(join(root, "..", "outside.txt"), "secret")
  const app = Fastify()
  installHttpRules(app)
  app.decorateRequest("actor", null)
  app.addHook("onRequest", async (request) => {
    if (actor) request.actor = { kind: actor, name: "", groups: [] } as Actor
  })
  const policy = { contentSecurityPolicy: "default-src 'self'" }
  await installStatic(app, { root, basePath, ...policy, ...(firstScreen ? { firstScreen } : {}) })
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
  const get = await served("/", { isBuilt: false })
  const reply = await get("/", browser)
  expect(reply.statusCode).toBe(503)
  expect(reply.body).toContain("pnpm build")
})

it.each([
  ["manifest.webmanifest", "application/manifest+json"],
  ["icon-192.png", "image/png"],
  ["favicon.svg", "image/svg+xml"],
])("says of what kind %s is, so that the cockpit can be installed", async (name, type) => {
  const get = await served("/control")
  const reply = await get(`/control/${name}`, browser)
  expect([reply.statusCode, String(reply.headers["content-type"]).split(";")[0]]).toEqual([200, type])
})

describe("the page that shows the fleet", () => {
  const written: FirstScreen = async (page, base) =>
    page.replace("</html>", `FLEET below ${base}<script>evil()</script></html>`)

  it("comes with the fleet in it, is never kept, and allows no script that was written into it", async () => {
    const get = await served("/control", { actor: "local", firstScreen: written })
    const reply = await get("/control/", browser)
    expect(reply.body).toContain('<base href="/control/">')
    expect(reply.body).toContain("FLEET below /control/")
    expect(reply.headers["cache-control"]).toBe("no-store")
    const plain = await get("/control/hosts/box", browser)
    expect(plain.body).not.toContain("FLEET")
    expect(reply.headers["content-security-policy"]).toBe(plain.headers["content-security-policy"])
  })

  it("comes without it where the address narrows it: other hosts would flash up", async () => {
    const get = await served("/", { actor: "local", firstScreen: written })
    expect((await get("/?tag=lab", browser)).body).not.toContain("FLEET")
  })

  it.each([["anyone"], [undefined]] as const)("holds nothing of the fleet for %s", async (actor) => {
    const get = await served("/", { ...(actor ? { actor } : {}), firstScreen: written })
    const reply = await get("/", browser)
    expect([reply.statusCode, reply.headers["cache-control"]]).toEqual([200, "no-cache"])
    expect(reply.body).not.toContain("FLEET")
  })

  it.each([
    ["there is nothing that writes it", null],
    ["what writes it is broken", "export const writeFirstScreen = 1"],
    ["writing it fails", "export function writeFirstScreen() { throw new Error('no') }"],
  ])("comes without it where %s", async (_why, code) => {
    const root = mkdtempSync(join(tmpdir(), "first-screen-"))
    if (code !== null) {
      mkdirSync(join(root, "server"))
      writeFileSync(join(root, "server", "first-screen.js"), code)
    }
    const snapshot = () => ({ type: "control_fleet", kind: "lagged", topic: "fleet", dropped: 0 }) as Frame
    const firstScreen = createFirstScreen({ root, snapshot, log: silentLog })
    const get = await served("/", { actor: "local", firstScreen })
    const reply = await get("/", browser)
    expect([reply.statusCode, reply.body]).toEqual([200, withBase(PAGE, "/")])
  })
})

it("replaces a base that the page has already", () => {
  expect(withBase('<head><base href="/old/"><title>x</title></head>', "/new/")).toBe(
    '<head><base href="/new/"><title>x</title></head>',
  )
})

it("allows no inline script where the page has none", () => {
  expect(withScripts("default-src 'self'", '<script src="a.js"></script>')).toBe("default-src 'self'")
})

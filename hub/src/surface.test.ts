import { mkdtempSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, expect, inject, it } from "vitest"
import * as z from "zod/mini"
import { envelope, presence } from "../test/example-host.ts"
import { newWorld, runHub } from "../test/running-hub.ts"
import type { RunningHub, World } from "../test/running-hub.ts"

let world: World
let hub: RunningHub
beforeAll(async () => {
  world = await newWorld("surface")
  const uiFolder = mkdtempSync(join(inject("testFolder"), "ui-"))
  writeFileSync(join(uiFolder, "index.html"), "<html><head></head><body>cockpit</body></html>")
  hub = await runHub(world, { env: { BOO_BASE_PATH: "/control" }, uiFolder })
})
afterAll(async () => {
  await hub.stop()
  await world.end()
})

const page = (path: string, headers: Record<string, string> = {}) => fetch(hub.url + path, { headers })

it("serves everything below the base path, and nothing beside it", async () => {
  expect((await page("/control/api/health")).status).toBe(200)
  expect((await page("/api/health")).status).toBe(404)
  expect(await (await page("/control/hosts/box", { accept: "text/html" })).text()).toContain(
    '<base href="/control/">',
  )
  const reader = await hub.reader()
  await reader.until(() => reader.copy().phase === "live", "a snapshot below the base path")
  await expect(fetch(`${hub.url}/api/control/fleet`).then((reply) => reply.status)).resolves.toBe(404)
})

const Paths = z.object({
  paths: z.record(z.string(), z.record(z.string(), z.object({ summary: z.string() }))),
})

it("describes every route, and loads nothing from elsewhere for it", async () => {
  const { paths } = Paths.parse(await (await page("/control/api/docs/json")).json())
  const api = Object.keys(paths).filter((path) => path.startsWith("/control/api/control/"))
  expect(api).toEqual(
    expect.arrayContaining(
      [
        "hosts",
        "providers",
        "fleet",
        "models",
        "models/prefs",
        "model-events",
        "activity",
        "perf",
        "storage",
        "completeness",
      ].map((name) => `/control/api/control/${name}`),
    ),
  )
  expect(Object.keys(paths["/control/api/control/hosts/{id}"] ?? {}).sort()).toEqual(["delete", "patch"])
  const html = await (await page("/control/api/docs/")).text()
  expect(html).not.toMatch(/(?:src|href)="https?:/)
  expect(await (await page("/control/api/docs/static/swagger-initializer.js")).text()).toContain(
    '"validatorUrl":null',
  )
})

it("gives Prometheus what is known, and leaves out what is not", async () => {
  world.say(
    envelope("presence", presence({ spool: { depth: 7, bytes: 1, oldest_at: null, dropped: 0 } }), {
      host: "m",
    }),
  )
  const reader = await hub.reader()
  await reader.until(() => reader.host("m")?.spool?.depth === 7, "the host")
  const text = await (await page("/control/metrics")).text()
  expect(text).toContain('boo_hosts{liveness="connected"} 1')
  expect(text).toContain('boo_host_spool_messages{host="m"} 7')
  expect(text).toMatch(/^boo_sockets \d+$/m)
  expect(text).toMatch(/^boo_rows_without_partition\{table="control_perf_samples"\} 0$/m)
  expect(text).not.toContain('boo_host_inflight{host="m"}')
})

it("compresses what is long", async () => {
  for (let n = 0; n < 20; n++) world.say(envelope("presence", presence(), { host: `many-${n}` }))
  const reader = await hub.reader()
  await reader.until(() => reader.host("many-19") !== undefined, "the hosts")
  const reply = await page("/control/api/control/fleet", { "accept-encoding": "gzip" })
  expect(reply.headers.get("content-encoding")).toBe("gzip")
})

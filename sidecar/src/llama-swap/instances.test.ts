import { createServer } from "node:http"
import type { RequestListener } from "node:http"
import type { AddressInfo } from "node:net"
import { expect, it, onTestFinished, vi } from "vitest"
import type { Instance } from "../fleet/ports.ts"
import { systemClock } from "../platform/clock.ts"
import { createInstances, instanceOf } from "./instances.ts"
import type { Running } from "./shapes.ts"

async function server(answer: RequestListener) {
  const asked: string[] = []
  const made = createServer((request, response) => {
    asked.push(request.url ?? "")
    answer(request, response)
  })
  await new Promise<void>((resolve) => made.listen(0, "127.0.0.1", resolve))
  onTestFinished(() => {
    made.closeAllConnections()
    made.close()
  })
  return { url: `http://127.0.0.1:${(made.address() as AddressInfo).port}`, asked }
}

function instances() {
  const seen: Record<string, Instance>[] = []
  const clock = systemClock()
  const made = createInstances({
    clock,
    userAgent: "test",
    changed: (known) => seen.push(Object.fromEntries(known)),
  })
  onTestFinished(() => made.stop())
  return { made, seen }
}

const run = (model: string, proxy: string, state = "ready", cmd = "llama-server"): Running => ({
  running: [{ model, state, cmd, proxy, ttl: 0 }],
})
const page = JSON.stringify({ default_generation_settings: { n_ctx: 8192 }, total_slots: 4 })

it("asks a model server that is ready once, on its own port", async () => {
  const { url, asked } = await server((_, response) => response.end(page))
  const { made, seen } = instances()
  made.running(run("m", url, "starting"))
  made.running(run("m", url))
  made.running(run("m", url))
  await vi.waitFor(() => expect(seen).toEqual([{ m: { context_length: 8192, slots: 4 } }]))
  made.running(run("m", url))
  await new Promise((resolve) => setImmediate(resolve))
  expect(asked).toEqual(["/props"])
})

it("asks again after another start, and keeps what is known of a model that is not running", async () => {
  let slots = 1
  const { url } = await server((_, response) => response.end(JSON.stringify({ total_slots: slots })))
  const { made, seen } = instances()
  made.running(run("m", url))
  await vi.waitFor(() => expect(seen).toHaveLength(1))
  made.running({ running: [] })
  slots = 2
  made.running(run("m", url))
  await vi.waitFor(() => expect(seen.at(-1)).toEqual({ m: { context_length: null, slots: 2 } }))
})

it("gives up on a server that has no such page, and never asks another machine", async () => {
  const { url, asked } = await server((_, response) => response.writeHead(404).end("no"))
  const { made, seen } = instances()
  await vi.waitFor(() => {
    made.running(run("m", url))
    expect(asked).toHaveLength(3)
  })
  made.running(run("m", url))
  for (const far of ["http://10.0.0.1:9", "http://127.elsewhere.example:9", "nonsense"])
    made.running(run("far", far))
  await new Promise((resolve) => setImmediate(resolve))
  expect(asked).toHaveLength(3)
  expect(seen).toEqual([])
})

it.each<[unknown, Instance | null]>([
  [
    { default_generation_settings: { n_ctx: 4096 }, total_slots: 1 },
    { context_length: 4096, slots: 1 },
  ],
  [
    { default_generation_settings: {}, total_slots: 3 },
    { context_length: null, slots: 3 },
  ],
  [{ default_generation_settings: { n_ctx: 0 }, total_slots: -1 }, null],
  [{ total_slots: "4" }, null],
  ["<html>", null],
  [null, null],
])("reads %j as %j", (body, expected) => {
  expect(instanceOf(body)).toEqual(expected)
})

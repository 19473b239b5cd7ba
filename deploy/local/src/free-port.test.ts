import { once } from "node:events"
import { createServer } from "node:net"
import { expect, it, onTestFinished } from "vitest"
import { CHOSEN, freePort, isFree } from "./free-port.ts"

const HOST = "127.0.0.1"

async function listenAt(port: number): Promise<void> {
  const server = createServer().listen(port, HOST)
  await once(server, "listening")
  onTestFinished(() => void server.close())
}

it("keeps the wanted port while nobody has it", async () => {
  const port = await freePort(HOST, null)
  expect(await freePort(HOST, port)).toBe(port)
})

it("gives another one when somebody has it", async () => {
  const port = await freePort(HOST, null)
  await listenAt(port)
  expect(await isFree(HOST, port)).toBe(false)
  expect(await freePort(HOST, port)).not.toBe(port)
})

it("chooses none that the system may give to a connection meanwhile", async () => {
  const chosen = await Promise.all(Array.from({ length: 20 }, () => freePort(HOST, null)))
  expect(chosen.filter((port) => port < CHOSEN.from || port >= CHOSEN.below)).toEqual([])
})

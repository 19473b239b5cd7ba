import { once } from "node:events"
import { createServer } from "node:net"
import { expect, it, onTestFinished, vi } from "vitest"
import { natsForTest } from "../../../deploy/test/services/nats.ts"
import { systemClock } from "./clock.ts"
import { silentLog } from "./log.ts"
import { connectNats } from "./nats.ts"
import type { NatsConnection, NatsOptions, NatsState } from "./nats.ts"

const FROM_TEST = { name: "test", log: silentLog, clock: systemClock }

async function connected(options: Pick<NatsOptions, "url"> & Partial<NatsOptions>): Promise<NatsConnection> {
  const nc = await connectNats({ ...FROM_TEST, credsFile: null, ...options })
  onTestFinished(() => nc.close())
  return nc
}

it("tells when the connection is lost and when it is back", async () => {
  const nats = await natsForTest()
  const states: NatsState[] = []
  const nc = await connected({ url: nats.url, onStatus: (state) => states.push(state) })
  expect(states).toEqual(["connected"])
  await nats.kill()
  await vi.waitFor(() => expect(states).toEqual(["connected", "disconnected"]), { timeout: 30_000 })
  await nats.restart()
  await vi.waitFor(() => expect(states).toEqual(["connected", "disconnected", "connected"]), {
    timeout: 30_000,
  })
  await nc.close()
  await vi.waitFor(() => expect(states.at(-1)).toBe("disconnected"))
})

it("comes back at once though the clock was an hour ahead at the last try", async () => {
  const nats = await natsForTest()
  const states: NatsState[] = []
  await connected({ url: nats.url, onStatus: (state) => states.push(state) })
  let aheadMs = 3_600_000
  const read = Date.now.bind(Date)
  const clock = vi.spyOn(Date, "now").mockImplementation(() => read() + aheadMs)
  onTestFinished(() => clock.mockRestore())
  await nats.kill()
  let tries = 0
  const deaf = createServer((socket) => {
    tries += 1
    socket.destroy()
  })
  await once(deaf.listen(nats.port, "127.0.0.1"), "listening")
  await vi.waitFor(() => expect(tries).toBeGreaterThan(0), { timeout: 30_000 })
  await new Promise((resolve) => deaf.close(resolve))
  aheadMs = 0
  await nats.restart()
  await vi.waitFor(() => expect(states).toEqual(["connected", "disconnected", "connected"]), {
    timeout: 30_000,
  })
})

it("waits for a server that is still starting", async () => {
  const nats = await natsForTest()
  await nats.stop()
  const connecting = connected({ url: nats.url })
  await nats.restart()
  expect((await connecting).isClosed()).toBe(false)
})

it("gives up on a server that never comes, after the time it was given", async () => {
  const nats = await natsForTest()
  await nats.stop()
  await expect(connected({ url: nats.url, waitMs: 0 })).rejects.toThrow(/refused/)
})

it("signs in with a credentials file, and answers arrive below the given inbox", async () => {
  const nats = await natsForTest({ auth: true })
  const nc = await connected({
    url: nats.url,
    credsFile: `${nats.folder}/hub.creds`,
    inboxPrefix: "_INBOX_test",
  })
  let repliedTo = ""
  nc.subscribe("boo.v1.hub.echo", {
    callback: (_error, msg) => {
      repliedTo = msg.reply ?? ""
      msg.respond("back")
    },
  })
  expect((await nc.request("boo.v1.hub.echo", "there")).string()).toBe("back")
  expect(repliedTo).toMatch(/^_INBOX_test\./)
  await expect(connected({ url: nats.url, waitMs: 0 })).rejects.toThrow(/./)
})

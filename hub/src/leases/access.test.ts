import { afterAll, beforeAll, describe, expect, inject, it, vi } from "vitest"
import { connect } from "@nats-io/transport-node"
import type { NatsConnection } from "@nats-io/transport-node"
import { testDatabase } from "../../../deploy/test/services/postgres.ts"
import { hostId } from "../../test/example-host.ts"
import { manualClock } from "../platform/clock-manual.ts"
import { systemClock } from "../platform/clock.ts"
import type { Clock } from "../platform/clock.ts"
import { silentLog } from "../platform/log.ts"
import { migrate } from "../platform/migrate.ts"
import { connectPostgres } from "../platform/postgres.ts"
import type { Sql } from "../platform/postgres.ts"
import { createLeases } from "./index.ts"

const log = silentLog
let sql: Sql
let nc: NatsConnection
beforeAll(async () => {
  const database = await testDatabase("lease_access")
  sql = connectPostgres(database.url, { log })
  await migrate(sql, { log })
  nc = await connect({ servers: inject("natsUrl") })
})
afterAll(async () => {
  await sql.end({ timeout: 1 })
  await nc.close()
})

let hosts = 0
async function world(clock: Clock = systemClock) {
  const host = hostId(`door-${(hosts += 1)}`)
  const port = { ids: () => [host], workOn: () => 0, onWork: () => () => undefined }
  const leases = createLeases({
    ...{ sql, nc, clock, log, hosts: port, frame: { leased: () => undefined } },
    announcer: { isOne: () => false },
  })
  await leases.start()
  return { host, leases }
}

describe("access to a host", () => {
  it("is given to one writer at a time, and to the next when it is given back", async () => {
    const { host, leases } = await world()
    const first = await leases.acquireHostAccess(host, "a bench")
    expect(first.ok).toBe(true)
    const second = await leases.acquireHostAccess(host, "a new configuration")
    expect(second).toMatchObject({ ok: false, reason: expect.stringContaining("a bench") as string })
    if (first.ok) await first.lease.release()
    expect((await leases.acquireHostAccess(host, "a new configuration")).ok).toBe(true)
    await leases.stop()
  })

  it("to a host that is not known is refused in words", async () => {
    const { leases } = await world()
    for (const id of ["nowhere", "No Slug"])
      expect(await leases.acquireHostAccess(id, "x")).toMatchObject({
        ok: false,
        error: { code: "HOST_NOT_FOUND" },
      })
    await leases.stop()
  })

  it("is kept up while it is used, and known as lost as soon as somebody took the host over", async () => {
    const clock = manualClock(Date.now())
    const { host, leases } = await world(clock)
    const access = await leases.acquireHostAccess(host, "a bench")
    if (!access.ok) throw access.error
    const { ids, fencing_token } = await leases.revoke(host, "a person")
    expect(ids).toEqual([access.lease.lease_id])
    expect(fencing_token).toBeGreaterThan(access.lease.fencing_token)
    const lost = new Promise((resolve) => access.lease.lost.addEventListener("abort", resolve))
    clock.advance(8_000)
    await lost
    // Giving back what is lost already changes nothing for whoever holds it now.
    const next = await leases.acquireHostAccess(host, "the next")
    await access.lease.release()
    expect(next.ok).toBe(true)
    await vi.waitFor(() => expect(leases.leaseOf(host)?.purpose).toBe("the next"), 30_000)
    await leases.stop()
  })
})

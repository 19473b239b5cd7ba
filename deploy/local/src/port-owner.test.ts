import { once } from "node:events"
import { createServer } from "node:net"
import { describe, expect, it, onTestFinished } from "vitest"
import { describeOwner, portOwner } from "./port-owner.ts"
import { listenersInLsof, listenersInNetstat, socketsInProcNet } from "./port-owner/parse.ts"

const TCP = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:251F 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 41223 1 0000000000000000 100 0 0 10 0
   1: 0100007F:251F 0100007F:D2F0 01 00000000:00000000 00:00000000 00000000     0        0 41299 1 0000000000000000 20 4 30 10 -1
   2: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 999 1 0000000000000000 100 0 0 10 0
`
const TCP6 = `  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000000000000:251F 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 51224 1 0000000000000000 100 0 0 10 0
`
const NETSTAT = `\r
Aktive Verbindungen\r
\r
  Proto  Lokale Adresse         Remoteadresse          Status           PID\r
  TCP    0.0.0.0:9503           0.0.0.0:0              ABHÖREN         4711\r
  TCP    127.0.0.1:9503         127.0.0.1:50123        HERGESTELLT     4711\r
  TCP    [::]:95030             [::]:0                 ABHÖREN         13\r
`

describe("who listens", () => {
  it.each([
    [TCP, 9503, ["41223"]],
    [TCP6, 9503, ["51224"]],
    [TCP, 80, ["999"]],
    [TCP, 443, []],
    ["", 9503, []],
  ])("is read from /proc/net, case %#", (table, port, inodes) => {
    expect(socketsInProcNet(table, port)).toEqual(inodes)
  })

  it.each([
    ["p812\nf12\n", [812]],
    ["", []],
  ])("is read from lsof %j", (output, pids) => {
    expect(listenersInLsof(output)).toEqual(pids)
  })

  it.each([
    [9503, [4711]],
    [95030, [13]],
    [80, []],
  ])("is read from a netstat in any language, port %i", (port, pids) => {
    expect(listenersInNetstat(NETSTAT, port)).toEqual(pids)
  })

  it("is found on this machine", async () => {
    const server = createServer().listen(0, "127.0.0.1")
    await once(server, "listening")
    onTestFinished(() => void server.close())
    const address = server.address()
    const owner = await portOwner(typeof address === "object" && address !== null ? address.port : 0)
    expect(owner?.pid).toBe(process.pid)
    expect(describeOwner(owner)).toContain(`by process ${process.pid} (`)
  })

  it("is not invented for a free port", async () => {
    expect(await portOwner(1)).toBeNull()
  })
})

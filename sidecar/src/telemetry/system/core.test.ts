import { describe, expect, it } from "vitest"
import { cpuPct, cpuTimes, memory, netCounters, perSecond } from "./core.ts"

const STAT = "cpu  100 20 30 800 50 5 5 10 7 3\ncpu0 50 10 15 400 25 3 2 5 3 1\nintr 12345\n"

describe("processor time", () => {
  it("counts waiting for disks as idle and guests once", () => {
    expect(cpuTimes(STAT)).toEqual({ idle: 850, total: 1020 })
  })

  it.each([
    ["no reading before", null, { idle: 1, total: 2 }, null],
    ["no reading now", { idle: 1, total: 2 }, null, null],
    ["no time between", { idle: 1, total: 2 }, { idle: 1, total: 2 }, null],
    ["counters that began anew", { idle: 900, total: 1000 }, { idle: 1, total: 2 }, null],
    ["a quarter busy", { idle: 100, total: 100 }, { idle: 175, total: 200 }, 25],
    ["idle", { idle: 0, total: 0 }, { idle: 100, total: 100 }, 0],
  ])("with %s", (_, before, now, pct) => {
    expect(cpuPct(before, now)).toBe(pct)
  })

  it("is unknown where the file is not what it should be", () => {
    expect(cpuTimes("")).toBeNull()
  })
})

describe("memory", () => {
  it("uses what is available, not what is free", () => {
    const meminfo =
      "MemTotal:       24684564 kB\nMemFree:  1 kB\nMemAvailable:   12342282 kB\nSwapTotal: 2097152 kB\nSwapFree: 1048576 kB\n"
    expect(memory(meminfo)).toEqual({
      mem_used_mib: 24106 - 12053,
      mem_total_mib: 24106,
      swap_used_mib: 1024,
      swap_total_mib: 2048,
    })
  })

  it("is unknown, not zero, where it is not said", () => {
    expect(memory("")).toEqual({
      mem_used_mib: null,
      mem_total_mib: null,
      swap_used_mib: null,
      swap_total_mib: null,
    })
  })
})

describe("network", () => {
  const NET = [
    "Inter-|   Receive                                                |  Transmit",
    " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed",
    "    lo: 999 1 0 0 0 0 0 0 999 1 0 0 0 0 0 0",
    "  eth0: 1000 1 0 0 0 0 0 0 50 1 0 0 0 0 0 0",
    "wlp3s0:200 1 0 0 0 0 0 0 7 1 0 0 0 0 0 0",
    "docker0: 500 1 0 0 0 0 0 0 500 1 0 0 0 0 0 0",
    "veth12ab: 500 1 0 0 0 0 0 0 500 1 0 0 0 0 0 0",
  ].join("\n")

  it("sums real interfaces only", () => {
    expect(netCounters(NET)).toEqual({ rx: 1200, tx: 57 })
    expect(netCounters("")).toBeNull()
  })

  it.each([
    [undefined, 5, 1000, null],
    [5, undefined, 1000, null],
    [10, 5, 1000, null],
    [5, 10, 0, null],
    [0, 1500, 500, 3000],
    [7, 7, 1000, 0],
  ])("from %s to %s in %s ms is %s a second", (before, now, elapsedMs, rate) => {
    expect(perSecond(before, now, elapsedMs)).toBe(rate)
  })
})

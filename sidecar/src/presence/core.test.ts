import { describe, expect, it } from "vitest"
import { addressTowards, isThisMachine } from "./addresses.ts"
import { advertisedUrl, hardwareOf } from "./core.ts"

describe("where the gateway reaches the engine", () => {
  const urls = (engine: string, nats: string, configured: string | null = null) => ({
    configured,
    engine,
    nats,
  })

  it.each([
    [
      "as configured",
      urls("http://127.0.0.1:8080", "nats://hub:4222", "http://gpu:1"),
      "10.0.0.7",
      "http://gpu:1",
    ],
    [
      "the engine's own URL",
      urls("http://10.0.0.9:8080", "nats://hub:4222"),
      "10.0.0.7",
      "http://10.0.0.9:8080",
    ],
    [
      "loopback where NATS is loopback too",
      urls("http://127.0.0.1:8080", "nats://localhost:4222"),
      "127.0.0.1",
      "http://127.0.0.1:8080",
    ],
    [
      "the address towards NATS where only NATS is elsewhere",
      urls("http://127.0.0.1:8080", "nats://hub:4222"),
      "10.0.0.7",
      "http://10.0.0.7:8080",
    ],
    [
      "the same by name and with a path",
      urls("http://localhost:8080/swap", "tls://hub:4222"),
      "10.0.0.7",
      "http://10.0.0.7:8080/swap",
    ],
    [
      "an IPv6 address in brackets",
      urls("http://[::1]:8080", "nats://hub:4222"),
      "fd00::7",
      "http://[fd00::7]:8080",
    ],
    ["nowhere without a way to NATS", urls("http://127.0.0.1:8080", "nats://hub:4222"), null, null],
  ])("is %s", (_, given, towardsNats, url) => {
    expect(advertisedUrl(given, towardsNats)).toBe(url)
  })

  it("finds this machine's own addresses, and nothing for a name that is nobody's", async () => {
    expect(await isThisMachine("127.0.0.1")).toBe(true)
    expect(await isThisMachine("192.0.2.1")).toBe(false)
    expect(await isThisMachine("nobody.invalid")).toBe(false)
    expect(await addressTowards("127.0.0.1")).toBe("127.0.0.1")
    expect(await addressTowards("nobody.invalid")).toBeNull()
  })
})

describe("hardware", () => {
  const engine = {
    os_family: "linux",
    os_name: null,
    cpu_model: "A",
    cpu_threads: null,
    memory_total_mib: 5,
    gpus: [],
  }
  const machine = { os_family: "x", os_name: "Debian", cpu_model: "B", cpu_threads: 8, memory_total_mib: 6 }

  it("is what the engine says, filled in with what this process found", () => {
    expect(hardwareOf(engine, machine, [])).toEqual({
      os_family: "linux",
      os_name: "Debian",
      cpu_model: "A",
      cpu_threads: 8,
      memory_total_mib: 5,
      gpus: [],
    })
  })

  it("is unknown where nobody knows", () => {
    expect(Object.values(hardwareOf(null, null, [])).flat()).toEqual([null, null, null, null, null])
  })
})

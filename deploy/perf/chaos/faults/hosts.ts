import { cpSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { ChaosHost } from "../fleet.ts"
import { pause } from "./fault.ts"
import type { HostFault, World } from "./fault.ts"

const HOUR_MS = 3_600_000

async function restartSidecar(host: ChaosHost, downMs: number): Promise<void> {
  await host.sidecar.kill()
  await pause(downMs)
  await host.sidecar.start()
}

async function whileCut(world: World, host: ChaosHost, work: () => Promise<void>): Promise<void> {
  host.link.set("cut")
  await pause(world.random.between(500, 3_000))
  await work()
  host.link.set("through")
}

async function misbehave(
  world: World,
  host: ChaosHost,
  kind: "hang" | "garbage" | "gpu-lost" | "exit",
): Promise<void> {
  host.simulated.control.gpu.misbehave(kind)
  await pause(world.random.between(4_000, 15_000))
  host.simulated.control.gpu.behave()
}

/** Writes until nothing more fits. */
function fillDisk(folder: string): string {
  const ballast = join(folder, "ballast")
  for (const bytes of [1 << 20, 1 << 16, 1 << 12, 1 << 8, 1]) {
    try {
      for (;;) writeFileSync(ballast, Buffer.alloc(bytes), { flag: "a" })
    } catch {
      // Smaller pieces may still fit.
    }
  }
  return ballast
}

/** Puts back an older copy of the folder, as a restored backup of the machine would. */
/**
 * Files that are gone come back, and the cursor is the old one. What was written since stays: another fault may keep it
 * from being sent, and no program can send what somebody took away.
 */
function restore(copy: string, folder: string): void {
  cpSync(copy, folder, { recursive: true, force: false })
  for (const name of readdirSync(copy).filter((one) => one.startsWith("cursor")))
    cpSync(join(copy, name), join(folder, name))
  rmSync(copy, { recursive: true, force: true })
}

export const HOST_FAULTS: readonly HostFault[] = [
  {
    name: "sidecar-kill",
    of: "host",
    apply: ({ random }, host) => restartSidecar(host, random.between(0, 6_000)),
  },
  {
    // What could not be sent must outlive the process.
    name: "sidecar-kill-offline",
    of: "host",
    apply: (world, host) =>
      whileCut(world, host, async () => {
        await pause(world.random.between(2_000, 8_000))
        await restartSidecar(host, world.random.between(0, 2_000))
        await pause(world.random.between(0, 6_000))
      }),
  },
  {
    name: "sidecar-freeze",
    of: "host",
    apply: ({ options }, host) => host.sidecar.freeze(options.freezeMs),
  },
  {
    name: "net-cut",
    of: "host",
    apply: (world, host) =>
      whileCut(world, host, () => pause(world.random.between(1_000, world.options.longestCutMs))),
  },
  {
    name: "net-half-open",
    of: "host",
    async apply({ random }, host) {
      host.link.set(random.pick(["held", "lost"]))
      await pause(random.between(3_000, 20_000))
      host.link.set("through")
    },
  },
  {
    name: "net-slow",
    of: "host",
    async apply({ random }, host) {
      host.link.set("slow")
      await pause(random.between(5_000, 20_000))
      host.link.set("through")
    },
  },
  {
    name: "spool-disk-full",
    of: "host",
    suits: (host) => host.smallDisk,
    async apply(world, host) {
      host.link.set("cut")
      const ballast = fillDisk(host.spoolFolder)
      await pause(world.random.between(3_000, 12_000))
      // Sometimes there is room again before the network is back, sometimes after.
      const roomFirst = world.random.chance(0.5)
      if (roomFirst) rmSync(ballast)
      else host.link.set("through")
      await pause(world.random.between(500, 3_000))
      if (roomFirst) host.link.set("through")
      else rmSync(ballast)
    },
  },
  {
    name: "clock-hour",
    of: "host",
    async apply({ random }, host) {
      const offsetMs = random.pick([HOUR_MS, -HOUR_MS])
      const shift = { fromMs: Date.now(), toMs: Infinity, offsetMs }
      host.clockShifts.push(shift)
      host.setClock(offsetMs)
      await pause(random.between(4_000, 15_000))
      host.setClock(0)
      shift.toMs = Date.now()
    },
  },
  {
    name: "swap-restart",
    of: "host",
    apply: ({ random }, host) => host.simulated.control.restart({ downMs: random.between(0, 4_000) }),
  },
  {
    name: "swap-restart-unseen",
    of: "host",
    async apply({ random }, host) {
      await host.sidecar.kill()
      await pause(random.between(500, 4_000))
      await host.simulated.control.restart({ downMs: random.between(0, 1_000) })
      await pause(random.between(0, 8_000))
      await host.sidecar.start()
    },
  },
  {
    name: "swap-restart-offline",
    of: "host",
    apply: (world, host) =>
      whileCut(world, host, async () => {
        await host.simulated.control.restart({ downMs: world.random.between(0, 2_000) })
        await pause(world.random.between(1_000, 6_000))
      }),
  },
  {
    name: "swap-reload",
    of: "host",
    async apply(_, host) {
      host.simulated.control.reload()
      await pause(3_000)
    },
  },
  {
    name: "sse-dropped",
    of: "host",
    async apply({ random }, host) {
      host.simulated.control.dropNextEvents(random.integer(5, 60))
      await pause(5_000)
    },
  },
  {
    name: "sse-closed",
    of: "host",
    async apply({ random }, host) {
      for (let left = random.integer(1, 4); left > 0; left--) {
        host.simulated.control.closeStreams()
        await pause(random.between(50, 2_500))
      }
    },
  },
  {
    name: "sse-silent",
    of: "host",
    async apply({ random }, host) {
      host.simulated.control.goSilent(true)
      await pause(random.between(4_000, 15_000))
      host.simulated.control.goSilent(false)
    },
  },
  { name: "gpu-hang", of: "host", apply: (world, host) => misbehave(world, host, "hang") },
  { name: "gpu-garbage", of: "host", apply: (world, host) => misbehave(world, host, "garbage") },
  { name: "gpu-lost", of: "host", apply: (world, host) => misbehave(world, host, "gpu-lost") },
  { name: "gpu-exit", of: "host", apply: (world, host) => misbehave(world, host, "exit") },
  {
    name: "spool-restored",
    of: "host",
    suits: (host) => !host.smallDisk,
    async apply(world, host) {
      const copy = `${host.spoolFolder}.copy`
      await whileCut(world, host, async () => {
        await pause(world.random.between(3_000, 8_000))
        cpSync(host.spoolFolder, copy, { recursive: true })
      })
      // All of it arrives; then it comes once more.
      await pause(world.random.between(4_000, 10_000))
      await host.sidecar.kill()
      restore(copy, host.spoolFolder)
      await host.sidecar.start()
    },
  },
  {
    name: "stream-replay",
    of: "host",
    apply: (world, host) => world.republish(host.id),
  },
]

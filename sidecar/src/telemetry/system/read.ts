import { openSync, readSync, statfs } from "node:fs"
import { cpus, freemem, loadavg, totalmem } from "node:os"
import { parse } from "node:path"
import type { SysSample } from "@boocontrol/shared/telemetry"
import { cpuPct, cpuTimes, memory, netCounters, oneDecimal, perSecond } from "./core.ts"
import type { CpuTimes, Memory, NetCounters } from "./core.ts"

/** Reads the machine. Called once a second, so it keeps its files open and its buffer. */
export interface SystemReader {
  read(nowMs: number): SysSample
}

const MIB = 1024 * 1024
// A disk fills slowly, and asking about a network mount can take long.
const DISK_EVERY_MS = 10_000
const NO_DISK = { blocks: 0, bfree: 0, bsize: 0 }

export function systemReader(platform: NodeJS.Platform = process.platform): SystemReader {
  const source = platform === "linux" ? procSource() : osSource()
  const disk = { askedAtMs: -Infinity, used: null as number | null, total: null as number | null }
  let before: { atMs: number; cpu: CpuTimes | null; net: NetCounters | null } | null = null

  function askDisk(nowMs: number): void {
    if (Math.abs(nowMs - disk.askedAtMs) < DISK_EVERY_MS) return
    disk.askedAtMs = nowMs
    statfs(parse(process.cwd()).root, (error, stats) => {
      const { blocks, bfree, bsize } = stats ?? NO_DISK
      disk.total = error ? null : Math.round((blocks * bsize) / MIB)
      disk.used = error ? null : Math.round(((blocks - bfree) * bsize) / MIB)
    })
  }

  return {
    read(nowMs) {
      askDisk(nowMs)
      const cpu = source.cpu()
      const net = source.net()
      const elapsedMs = before ? nowMs - before.atMs : 0
      const sample: SysSample = {
        cpu_pct: cpuPct(before?.cpu ?? null, cpu),
        // Windows has no load average; Node says 0 there.
        load_1: platform === "win32" ? null : oneDecimal((loadavg()[0] ?? 0) * 10) / 10,
        ...source.memory(),
        disk_used_mib: disk.used,
        disk_total_mib: disk.total,
        net_rx_bytes_per_s: perSecond(before?.net?.rx, net?.rx, elapsedMs),
        net_tx_bytes_per_s: perSecond(before?.net?.tx, net?.tx, elapsedMs),
      }
      before = { atMs: nowMs, cpu, net }
      return sample
    },
  }
}

interface Source {
  cpu(): CpuTimes | null
  net(): NetCounters | null
  memory(): Memory
}

function procSource(): Source {
  const stat = procFile("/proc/stat", 512)
  const meminfo = procFile("/proc/meminfo", 4_096)
  const net = procFile("/proc/net/dev", 32_768)
  return { cpu: () => cpuTimes(stat()), net: () => netCounters(net()), memory: () => memory(meminfo()) }
}

/** A file of /proc that is read again and again from its beginning; empty where it cannot be read. */
function procFile(path: string, bytes: number): () => string {
  let file: number | null = null
  const buffer = Buffer.alloc(bytes)
  return () => {
    try {
      file ??= openSync(path, "r")
      return buffer.toString("latin1", 0, readSync(file, buffer, 0, bytes, 0))
    } catch {
      return ""
    }
  }
}

function osSource(): Source {
  return {
    cpu() {
      let idle = 0
      let total = 0
      for (const { times } of cpus()) {
        idle += times.idle
        total += times.user + times.nice + times.sys + times.irq + times.idle
      }
      return { idle, total }
    },
    net: () => null,
    memory: () => ({
      mem_used_mib: Math.round((totalmem() - freemem()) / MIB),
      mem_total_mib: Math.round(totalmem() / MIB),
      swap_used_mib: null,
      swap_total_mib: null,
    }),
  }
}

/** Time the processors spent, in any unit that both numbers share. */
export interface CpuTimes {
  idle: number
  total: number
}

/** Bytes that the real network interfaces moved since boot. */
export interface NetCounters {
  rx: number
  tx: number
}

export interface Memory {
  mem_used_mib: number | null
  mem_total_mib: number | null
  swap_used_mib: number | null
  swap_total_mib: number | null
}

const KIB_PER_MIB = 1024

/** The first line of /proc/stat. Guest time is in user time already. */
export function cpuTimes(stat: string): CpuTimes | null {
  const line = /^cpu +([\d ]+)/.exec(stat)?.[1]
  if (line === undefined) return null
  const [user = 0, nice = 0, system = 0, idle = 0, iowait = 0, irq = 0, softirq = 0, steal = 0] = line
    .split(" ")
    .map(Number)
  const resting = idle + iowait
  return { idle: resting, total: user + nice + system + irq + softirq + steal + resting }
}

/** Share of time not idle between two readings, percent; null where nothing can be said. */
export function cpuPct(before: CpuTimes | null, now: CpuTimes | null): number | null {
  if (!before || !now) return null
  const total = now.total - before.total
  const idle = now.idle - before.idle
  if (total <= 0 || idle < 0) return null
  return oneDecimal(Math.max(0, 1 - idle / total) * 100)
}

/** /proc/meminfo. Used is what is not available, as `free` counts it. */
export function memory(meminfo: string): Memory {
  const mib = (name: string) => {
    const kib = new RegExp(`^${name}: +(\\d+) kB`, "m").exec(meminfo)?.[1]
    return kib === undefined ? null : Math.round(Number(kib) / KIB_PER_MIB)
  }
  const total = mib("MemTotal")
  const swapTotal = mib("SwapTotal")
  return {
    mem_used_mib: difference(total, mib("MemAvailable")),
    mem_total_mib: total,
    swap_used_mib: difference(swapTotal, mib("SwapFree")),
    swap_total_mib: swapTotal,
  }
}

/** Interfaces whose bytes pass a real one as well, or never leave the machine. */
const NOT_REAL = /^(lo|veth|docker|br-|virbr|cni|flannel|cali|tun|tap|wg|tailscale|ifb|dummy|bond\d+\.)/

/** /proc/net/dev, summed over real interfaces; null where there is none. */
export function netCounters(text: string): NetCounters | null {
  let found = false
  const sum = { rx: 0, tx: 0 }
  for (const line of text.split("\n")) {
    const [name, rest] = line.split(":", 2)
    if (name === undefined || rest === undefined || NOT_REAL.test(name.trim())) continue
    const columns = rest.trim().split(/ +/)
    found = true
    sum.rx += Number(columns[0] ?? 0)
    sum.tx += Number(columns[8] ?? 0)
  }
  return found ? sum : null
}

/** Bytes per second between two counters; null where one is missing or the counter began anew. */
export function perSecond(
  before: number | undefined,
  now: number | undefined,
  elapsedMs: number,
): number | null {
  if (before === undefined || now === undefined || now < before || elapsedMs <= 0) return null
  return Math.round(((now - before) * 1_000) / elapsedMs)
}

export function oneDecimal(value: number): number {
  return Math.round(value * 10) / 10
}

function difference(total: number | null, rest: number | null): number | null {
  return total === null || rest === null ? null : Math.max(0, total - rest)
}

import { execFileSync } from "node:child_process"
import { readFileSync, readdirSync } from "node:fs"

const TICKS_PER_SECOND = Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" }))

interface Stat {
  pid: number
  parent: number
  /** Own time, and that of children that ended and were waited for. */
  cpuTicks: number
  endedTicks: number
}

function statOf(pid: number): Stat | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8")
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ")
    const ticks = (...places: number[]): number =>
      places.reduce((sum, place) => sum + Number(fields[place]), 0)
    return { pid, parent: Number(fields[1]), cpuTicks: ticks(11, 12), endedTicks: ticks(13, 14) }
  } catch {
    // It ended since it was listed.
    return null
  }
}

/** A process and all below it, as they are now. */
function treeOf(root: number): Stat[] {
  const all = readdirSync("/proc").flatMap((name) => (/^\d+$/.test(name) ? (statOf(Number(name)) ?? []) : []))
  const ofTree = new Set([root])
  for (let size = 0; size < ofTree.size;) {
    size = ofTree.size
    for (const { pid, parent } of all) if (ofTree.has(parent)) ofTree.add(pid)
  }
  return all.filter(({ pid }) => ofTree.has(pid))
}

/** Processor time of a process and all below it, seconds since it began; what ended meanwhile is in it. */
export function treeCpuSeconds(root: number): number {
  const ticks = treeOf(root).reduce((sum, { cpuTicks, endedTicks }) => sum + cpuTicks + endedTicks, 0)
  return ticks / TICKS_PER_SECOND
}

export function rssMib(pid: number): number {
  const kb = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]
  return Number(kb) / 1024
}

/** Load of everything on this machine, our own included: says how far a figure can be trusted. */
export function loadNow(): string {
  return readFileSync("/proc/loadavg", "utf8").split(" ").slice(0, 2).join(" ")
}

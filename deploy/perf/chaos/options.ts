import { parseArgs } from "node:util"

export interface ChaosOptions {
  hosts: number
  rounds: number
  minutes: number
  seed: number
  /** Names of faults, or the beginnings of names; empty: all. */
  only: readonly string[]
  freezeMs: number
  longestCutMs: number
  /** How long everything may take to arrive once nothing is broken any more. */
  settleMs: number
  hubs: number
  keep: boolean
}

export const USAGE = `pnpm chaos [options]

  --hosts N      simulated hosts, each with a real sidecar (20)
  --rounds R     how often each fault is applied (20)
  --minutes M    over which time the faults are spread (20)
  --only a,b     only these faults: names, or how names begin
  --seed S       of everything random (1)
  --hubs N       hubs on one NATS and one Postgres (2)
  --freeze-s S   how long a frozen process stays frozen (30)
  --cut-s S      the longest cut of a host (60)
  --settle-s S   how long everything may take to arrive at the end (240)
  --keep         keep the folder with logs and data also when nothing was lost
`

type NumberName = "hosts" | "rounds" | "minutes" | "seed" | "hubs" | "freeze-s" | "cut-s" | "settle-s"

export function readOptions(args: readonly string[]): ChaosOptions | null {
  const text = { type: "string" } as const
  const { values } = parseArgs({
    args: [...args],
    options: {
      ...{ hosts: text, rounds: text, minutes: text, only: text, seed: text, hubs: text },
      ...{ "freeze-s": text, "cut-s": text, "settle-s": text },
      keep: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  })
  if (values.help) return null
  const number = (name: NumberName, fallback: number): number => {
    const given = values[name]
    const value = given === undefined ? fallback : Number(given)
    if (!Number.isFinite(value) || value < 0) throw new TypeError(`--${name}=${given} is no number`)
    return value
  }
  return {
    hosts: number("hosts", 20),
    rounds: number("rounds", 20),
    minutes: number("minutes", 20),
    seed: number("seed", 1),
    only: values.only?.split(",").filter((name) => name !== "") ?? [],
    freezeMs: number("freeze-s", 30) * 1000,
    longestCutMs: number("cut-s", 60) * 1000,
    settleMs: number("settle-s", 240) * 1000,
    hubs: number("hubs", 2),
    keep: values.keep,
  }
}

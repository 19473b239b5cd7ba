import { conditions, percentile } from "./figures.ts"
import { turnMs, waitBoundMs } from "../../hub/src/routing/core/queue.ts"
import { fewestLoads } from "./scheduling/optimum.ts"
import { fleetQueue } from "./scheduling/fleet-queue.ts"
import { baselines } from "./scheduling/policies.ts"
import { LEVELS, cases } from "./scheduling/scenarios.ts"
import type { Case, Level } from "./scheduling/scenarios.ts"
import { simulate } from "./scheduling/simulate.ts"
import type { World } from "./scheduling/simulate.ts"
import { traceOf } from "./scheduling/trace.ts"

/**
 * The fleet queue against other ways to spread requests, in simulated fleets and virtual time. The other ways are
 * written again here from what llama-swap and load balancers document; they are not those programs.
 */

interface Figures {
  swaps: number
  p50S: number
  p95S: number
  longestS: number
  /** Worst mean wait of a source as a multiple of the mean over all. */
  unfair: number
}

interface Result extends Case {
  by: Map<string, Figures>
  boundS: number
}

const OURS = "fleet queue"
const SEED = 20261126

function figuresOf(world: World): Figures {
  const waits = world.done.map(({ job, startMs }) => (startMs - job.atMs) / 1000)
  const ttft = world.done.map(({ job, startMs }) => (startMs - job.atMs + job.prefillMs) / 1000)
  const mean = (list: readonly number[]): number =>
    list.reduce((sum, one) => sum + one, 0) / Math.max(1, list.length)
  const sources = Map.groupBy(world.done, ({ job }) => job.source)
  const bySource = [...sources.values()].map((list) =>
    mean(list.map(({ job, startMs }) => (startMs - job.atMs) / 1000)),
  )
  return {
    ...{
      swaps: world.swaps,
      p50S: percentile(ttft, 0.5),
      p95S: percentile(ttft, 0.95),
      longestS: Math.max(...waits),
    },
    unfair: Math.max(...bySource) / Math.max(0.001, mean(waits)),
  }
}

function run({ scenario, level }: Case): Result {
  const jobs = traceOf(scenario)
  const by = new Map<string, Figures>()
  for (const policy of [...baselines(), fleetQueue()]) {
    const world = simulate(scenario.fleet, jobs, policy)
    if (world.done.length !== jobs.length) throw new Error(`${policy.name} lost requests`)
    by.set(policy.name, figuresOf(world))
  }
  const { fleet, load } = scenario
  const loadMs = Math.max(...Array.from({ length: fleet.models }, (_, index) => fleet.swapMs(`m${index}`)))
  const modelsPerPlace = fleet.models / (fleet.hosts * fleet.groups)
  const boundS = waitBoundMs({ loadMs, serviceMs: 15_000, utilisation: load, modelsPerPlace }) / 1000
  return { scenario, level, by, boundS }
}

const seconds = (value: number): string => value.toFixed(1).padStart(7)

function table({ scenario, level, by, boundS }: Result): void {
  const share = Math.round(LEVELS[level] * 100)
  console.log(
    `\n${scenario.name}, ${share} % of capacity (${Math.round(scenario.load * 100)} % of all slots)`,
  )
  for (const [name, { swaps, p50S, p95S, longestS, unfair }] of by) {
    const figures = `swaps ${String(swaps).padStart(5)}  TTFT p50 ${seconds(p50S)}  p95 ${seconds(p95S)} s`
    const bound = name === OURS ? `  (bound ${boundS.toFixed(0)} s)` : ""
    console.log(
      `  ${name.padEnd(18)} ${figures}  longest wait ${seconds(longestS)} s  worst source x${unfair.toFixed(2)}${bound}`,
    )
  }
}

/** Ratio of another policy's figure to ours, over the cases of some levels. */
function ratios(
  results: readonly Result[],
  levels: readonly Level[],
  of: (result: Result, ours: Figures) => number,
) {
  const list = results
    .filter(({ level }) => levels.includes(level))
    .map((result) => ({ result, value: of(result, ours(result)) }))
  const worst = list.reduce((least, one) => (one.value < least.value ? one : least))
  const mean = Math.exp(list.reduce((sum, { value }) => sum + Math.log(value), 0) / list.length)
  return { mean, worst, count: list.length, list: list.map(({ value }) => value) }
}

function ours({ by }: Result): Figures {
  const found = by.get(OURS)
  if (!found) throw new Error("no fleet queue")
  return found
}

const other = ({ by }: Result, name: string): Figures =>
  by.get(name) ?? { swaps: 0, p50S: 0, p95S: 0, longestS: 0, unfair: 0 }

function verdict(what: string, found: ReturnType<typeof ratios>, target: number): void {
  const met = found.list.filter((value) => value >= target - 1e-9).length
  const word =
    met === found.count ? "met" : found.mean >= target ? "MET ON AVERAGE, NOT EVERYWHERE" : "NOT MET"
  const { scenario, level } = found.worst.result
  const worst = `worst ${found.worst.value.toFixed(2)} (${scenario.name}, ${level})`
  console.log(`${what.padEnd(66)} ${found.mean.toFixed(2)}x, ${worst}, ${met} of ${found.count}: ${word}`)
}

function optimum(results: readonly Result[]): void {
  console.log(
    "\nAgainst an offline optimum that knows the whole trace (600 requests, exact for the easier task it solves:",
  )
  console.log("loading and answering take no time, slots never end)")
  const atOnce: number[] = []
  const sameWait: number[] = []
  for (const { scenario, level } of results) {
    const { fleet, kind } = scenario
    if (fleet.hosts > 4 || fleet.groups > 1 || kind === "adversarial" || level === "full") continue
    const jobs = traceOf({ ...scenario, jobs: 600 })
    const world = simulate(fleet, jobs, fleetQueue())
    const longestMs = Math.max(...world.done.map(({ job, startMs }) => startMs - job.atMs))
    const [none, same] = [fewestLoads(fleet, jobs, 0), fewestLoads(fleet, jobs, longestMs)]
    atOnce.push(world.swaps / none)
    sameWait.push(world.swaps / same)
    const text = `ours ${world.swaps}, that makes nobody wait ${none}, that lets them wait as long as ours did ${same}`
    console.log(`  ${scenario.name}, ${level}: ${text}`)
  }
  for (const [what, list] of [
    ["loads vs the optimum that makes nobody wait, at most 1.5x", atOnce],
    ["loads vs the lower bound with our own longest wait, at most 1.5x", sameWait],
  ] as const) {
    const mean = Math.exp(list.reduce((sum, value) => sum + Math.log(value), 0) / list.length)
    const met = list.filter((value) => value <= 1.5).length
    const word = met === list.length ? "met" : mean <= 1.5 ? "MET ON AVERAGE, NOT EVERYWHERE" : "NOT MET"
    console.log(
      `${what.padEnd(66)} ${mean.toFixed(2)}x, worst ${Math.max(...list).toFixed(2)}, ${met} of ${list.length}: ${word}`,
    )
  }
}

console.log(await conditions())
const quick = process.argv.includes("--quick")
const results = cases(SEED)
  .filter(({ scenario }) => !quick || scenario.fleet.hosts <= 4)
  .map(run)
for (const result of results) table(result)

const everywhere = Object.keys(LEVELS) as Level[]
const known = results.filter(({ scenario }) => scenario.kind !== "adversarial")
console.log("\nRatios to the fleet queue: other / ours, geometric mean over the cases")
const lc = "least-connections"
verdict(
  "moderate load: swaps vs least-connections, at least 4x",
  ratios(known, ["moderate"], (r, o) => other(r, lc).swaps / o.swaps),
  4,
)
verdict(
  "moderate load: p95 TTFT vs least-connections, at least 3x",
  ratios(known, ["moderate"], (r, o) => other(r, lc).p95S / o.p95S),
  3,
)
verdict(
  "never more swaps than warm-first",
  ratios(results, everywhere, (r, o) => other(r, "warm-first").swaps / o.swaps),
  1,
)
verdict(
  "contended: swaps vs warm-first, at least 1.4x",
  ratios(known, ["contended", "full"], (r, o) => other(r, "warm-first").swaps / o.swaps),
  1.4,
)
verdict(
  "contended: p95 TTFT vs warm-first, at least 2x",
  ratios(known, ["contended", "full"], (r, o) => other(r, "warm-first").p95S / o.p95S),
  2,
)
const names = [...(results[0]?.by.keys() ?? [])].filter((name) => name !== OURS)
const shortestOfOthers = (r: Result): number => Math.min(...names.map((name) => other(r, name).longestS))
verdict(
  "longest wait below every other policy's",
  ratios(results, everywhere, (r, o) => shortestOfOthers(r) / o.longestS),
  1,
)
verdict(
  "longest wait within its own bound",
  ratios(results, everywhere, (r, o) => r.boundS / o.longestS),
  1,
)
const unfair = ratios(results, everywhere, (_r, o) => 1 / o.unfair)
console.log(
  `fairness: the source that waits longest waits ${(1 / unfair.mean).toFixed(2)}x the mean, at worst ${(1 / unfair.worst.value).toFixed(2)}x`,
)
console.log(`a turn is ${(turnMs(20_000, 0.5) / 1000).toFixed(0)} s for loads of 20 s`)
optimum(known)

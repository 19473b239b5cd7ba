import type { FleetTotals } from "../fleet/view/totals.ts"
import { count, decimal, duration, gib } from "../kit/format.ts"

export interface Figure {
  readonly label: string
  readonly value: string
  readonly unit: string
  /** Where the figure comes from. */
  readonly title: string
}

/** The figures of the top strip, in words for people. */
export function stripOf(totals: FleetTotals, tokensPerSecond: number): Figure[] {
  const from = `From the newest readings of ${totals.reading} of ${totals.hosts} hosts`
  return [
    {
      label: "Hosts up",
      value: count(totals.hostsUp),
      unit: `of ${count(totals.hosts)}`,
      title:
        totals.simulated > 0 ? `${totals.simulated} of them simulated` : "Disabled hosts are not counted",
    },
    {
      label: "VRAM in use",
      value: gib(totals.vramUsedMib),
      unit: `of ${gib(totals.vramTotalMib)} GiB`,
      title: from,
    },
    {
      label: "Generated, last minute",
      value: decimal(tokensPerSecond),
      unit: "tok/s",
      title: "Output tokens of requests that ended within the last minute, per second",
    },
    {
      label: "Requests",
      value: count(totals.requestsPerMin === null ? null : Math.round(totals.requestsPerMin)),
      unit: "/min",
      title: "As the hub counts them, all hosts together",
    },
    {
      label: "Drawing",
      value: count(totals.powerW === null ? null : Math.round(totals.powerW)),
      unit: "W",
      title: `${from}; GPUs only`,
    },
    {
      label: "Swaps, last hour",
      value: count(totals.swaps),
      unit: totals.swapMs === null || totals.swapMs === 0 ? "" : `· ${duration(totals.swapMs)} lost`,
      title: "Model loads, and the time that requests could not be answered because of them",
    },
  ]
}

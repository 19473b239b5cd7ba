import type { LogSource } from "@boocontrol/shared/logs"
import type { LocationQuery, LocationQueryRaw } from "vue-router"
import { LEVELS } from "./line.ts"
import type { Level, LogLine } from "./line.ts"
import { escaped } from "./found.ts"

/** What one pane shows. Empty lists mean all. */
export interface LogFilter {
  readonly hosts: readonly string[]
  readonly sources: readonly LogSource[]
  readonly models: readonly string[]
  readonly levels: readonly Level[]
  readonly text: string
  /** `text` is a regular expression: it is tried in a worker, never here. */
  readonly isRegex: boolean
}

export const NO_LOG_FILTER: LogFilter = {
  ...{ hosts: [], sources: [], models: [], levels: [], text: "", isRegex: false },
}
export const MAX_PANES = 4

/** A view as its address says it. */
export interface LogView {
  readonly panes: readonly LogFilter[]
  /** The time to stand at, epoch ms; null: at the end, following. */
  readonly at: number | null
}

const HOST = /^[a-z0-9-]{1,40}$/
const SOURCES: readonly LogSource[] = ["proxy", "upstream"]

export function viewOf(query: LocationQuery): LogView {
  const at = Date.parse(listOf(query["at"])[0] ?? "")
  const more = listOf(query["pane"]).map((text) => {
    const given = new URLSearchParams(text)
    return filterOf((name) => given.getAll(name))
  })
  const first = filterOf((name) => listOf(query[name]))
  return { panes: [first, ...more].slice(0, MAX_PANES), at: Number.isNaN(at) ? null : at }
}

export function queryOf({ panes, at }: LogView): LocationQueryRaw {
  const [first = NO_LOG_FILTER, ...more] = panes
  return {
    ...Object.fromEntries([...Map.groupBy(entriesOf(first), ([name]) => name)].map(namedValues)),
    ...(more.length > 0 ? { pane: more.map((pane) => new URLSearchParams(entriesOf(pane)).toString()) } : {}),
    ...(at === null ? {} : { at: new Date(at).toISOString() }),
  }
}

function namedValues([name, entries]: [string, [string, string][]]): [string, string | string[]] {
  const values = entries.map(([, value]) => value)
  return [name, values.length === 1 ? (values[0] ?? "") : values]
}

function entriesOf(filter: LogFilter): [string, string][] {
  return [
    ...filter.hosts.map((host): [string, string] => ["host", host]),
    ...filter.sources.map((source): [string, string] => ["source", source]),
    ...filter.models.map((model): [string, string] => ["model", model]),
    ...filter.levels.map((level): [string, string] => ["level", level]),
    ...(filter.text === "" ? [] : [["q", filter.text] satisfies [string, string]]),
    ...(filter.isRegex ? [["re", "1"] satisfies [string, string]] : []),
  ]
}

function filterOf(all: (name: string) => readonly string[]): LogFilter {
  return {
    hosts: all("host").filter((host) => HOST.test(host)),
    sources: SOURCES.filter((source) => all("source").includes(source)),
    models: all("model").slice(0, 100),
    levels: LEVELS.filter((level) => all("level").includes(level)),
    text: (all("q")[0] ?? "").slice(0, 500),
    isRegex: all("re")[0] === "1",
  }
}

function listOf(value: LocationQuery[string] | undefined): string[] {
  const values = Array.isArray(value) ? value : [value]
  return values.filter((one): one is string => typeof one === "string" && one !== "")
}

export function isNarrowed(filter: LogFilter): boolean {
  return entriesOf(filter).length > 0
}

/** Everything but a regular expression, as one test per line. */
export function testOf(filter: LogFilter): (line: LogLine) => boolean {
  const { hosts, sources, models, levels } = filter
  const pattern = filter.isRegex || filter.text === "" ? null : new RegExp(escaped(filter.text), "i")
  return (line) =>
    holds(hosts, line.host) &&
    holds(sources, line.source) &&
    (models.length === 0 || (line.model !== null && models.includes(line.model))) &&
    holds(levels, line.level) &&
    (pattern === null || pattern.test(line.text))
}

function holds<T>(wanted: readonly T[], value: T): boolean {
  return wanted.length === 0 || wanted.includes(value)
}

/** The first line of a time or after it, for those who come from a request; null where it is not kept. */
export function indexAt(lines: readonly LogLine[], at: number): number | null {
  const first = lines.find(({ isHistory }) => !isHistory)
  if (!first || first.at > at) return null
  let low = 0
  let high = lines.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((lines[middle]?.at ?? 0) < at) low = middle + 1
    else high = middle
  }
  return Math.min(low, lines.length - 1)
}

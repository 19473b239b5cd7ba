import { HostId } from "./ids.ts"
import type { InstanceId, JobId } from "./ids.ts"

/** Kinds of event a host emits: the last token of `boo.v1.evt.<host>.<kind>`. */
export const EVENT_KINDS = [
  "presence",
  "models",
  "activity",
  "note",
  "result",
  "perf",
  "live",
  "inflight",
  "log",
] as const
export type EventKind = (typeof EVENT_KINDS)[number]

/** What each stream stores. Kinds that stand in neither are core NATS only, for eyes, and carry `seq: null`. */
export const STREAMS = {
  BOO_EVENTS: ["models", "activity", "note", "result"],
  BOO_PERF: ["perf"],
} as const satisfies Record<string, readonly EventKind[]>
export type StreamName = keyof typeof STREAMS

const DURABLE_KINDS: ReadonlySet<EventKind> = new Set(Object.values(STREAMS).flat())

export function isDurable(kind: EventKind): boolean {
  return DURABLE_KINDS.has(kind)
}

export const COMMAND_VERBS = [
  "warm",
  "unload",
  "unload_all",
  "cancel",
  "profile",
  "capture",
  "config.read",
  "config.validate",
  "config.write",
  "config.backups",
  "config.rollback",
  "restart",
  "llama_bench",
  "probe",
] as const
export type CommandVerb = (typeof COMMAND_VERBS)[number]

export const HUB_TOPICS = ["fleet", "activity", "lease"] as const
export type HubTopic = (typeof HUB_TOPICS)[number]

/** Header of what a hub announces: its hub id, by which it knows its own announcements. */
export const HUB_HEADER = "Boo-Hub"

/** What other tools may ask, on the NATS micro service `boocontrol`. */
export const RPC_NAMES = [
  "fleet.get",
  "lease.acquire",
  "lease.renew",
  "lease.release",
  "routing.scores",
  "routing.resolve",
] as const
export type RpcName = (typeof RPC_NAMES)[number]

/** The only place that spells a NATS subject. */
export const subjects = {
  event: (host: HostId, kind: EventKind) => `boo.v1.evt.${host}.${kind}`,
  /** Everything one host emits. */
  eventsOf: (host: HostId) => `boo.v1.evt.${host}.>`,
  allEvents: "boo.v1.evt.>",
  /** One kind of every host: what a stream or an eye subscribes to. */
  eventsOfKind: (kind: EventKind) => `boo.v1.evt.*.${kind}`,
  askResume: (host: HostId) => `boo.v1.ask.${host}.resume`,
  asksOf: (host: HostId) => `boo.v1.ask.${host}.>`,
  allAsksResume: "boo.v1.ask.*.resume",
  command: (host: HostId, verb: CommandVerb) => `boo.v1.cmd.${host}.${verb}`,
  commandsOf: (host: HostId) => `boo.v1.cmd.${host}.>`,
  /** Tells one of two sidecars with the same host id that the other holds it. */
  refused: (host: HostId, instance: InstanceId) => `boo.v1.cmd.${host}.refused.${instance}`,
  hub: (topic: HubTopic, host: HostId) => `boo.v1.hub.${topic}.${host}`,
  hubOfTopic: (topic: HubTopic) => `boo.v1.hub.${topic}.*`,
  /** Decisions of the gateway, after they are stored. */
  hubDispatch: "boo.v1.hub.dispatch",
  hubJob: (job: JobId) => `boo.v1.hub.job.${job}`,
  allHub: "boo.v1.hub.>",
  allRpc: "boo.v1.rpc.>",
  rpc: (name: RpcName) => `boo.v1.rpc.${name}`,
} as const

/** Prefix of a host connection's own reply subjects, so that no host can read another's replies. */
export function inboxPrefixOf(host: HostId): string {
  return `_INBOX_${host}`
}

export interface EventSubject {
  host: HostId
  kind: EventKind
}

/** Reads `boo.v1.evt.<host>.<kind>`; null for anything else, also for an unknown kind or a host that is no slug. */
export function parseEventSubject(subject: string): EventSubject | null {
  const tokens = subject.split(".")
  if (tokens.length !== 5 || tokens[0] !== "boo" || tokens[1] !== "v1" || tokens[2] !== "evt") return null
  const host = HostId.safeParse(tokens[3])
  const kind = EVENT_KINDS.find((known) => known === tokens[4])
  return host.success && kind ? { host: host.data, kind } : null
}

/** Host of `boo.v1.ask.<host>.resume`, null for anything else. */
export function parseAskSubject(subject: string): HostId | null {
  const match = /^boo\.v1\.ask\.([^.]+)\.resume$/.exec(subject)
  const host = HostId.safeParse(match?.[1])
  return host.success ? host.data : null
}

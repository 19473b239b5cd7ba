import { hash, randomBytes } from "node:crypto"
import type { GatewayKey, KeyUser, MadeGatewayKey, NewGatewayKey } from "@boocontrol/shared/gateway"
import { epochMsOf, instantOf } from "@boocontrol/shared/time"
import { v7 as uuidv7 } from "uuid"
import { admit, allows, dayOf, estimateTokens, monthOf, settle, unusedKey, usedBy } from "./core/limits.ts"
import type { Admission, KeyUse, TokenAsk } from "./core/limits.ts"
import { problems } from "./core/errors.ts"
import type { GatewayProblem } from "./core/errors.ts"
import type { RouteAsk } from "./ports.ts"
import type { KeysStore, StoredKey, StoredUsage } from "./store.ts"

export interface Reservation {
  /** Once, when the request is over. */
  settle(used: { tokens: number | null; money: number | null; atMs: number }): void
}

/** What a caller has shown: a key that is good, one that is not, or nothing that looks like a key of ours. */
export type Shown = { readonly key: CallerKey } | { readonly problem: GatewayProblem } | null

export interface CallerKey {
  readonly label: string
  mayUse(model: string): boolean
  /** Why a model is not for it; null: it is. */
  forbids(model: string): GatewayProblem | null
  /** By the model that a request names it is let in or priced: the last word on that may stand at the end of the body. */
  readonly needsWholeBody: boolean
  /** Counts the request and sets its tokens aside, or says which limit stands against it. */
  begin(ask: KeyAsk): Reservation | GatewayProblem
}

/** What a request takes, and who sends it. */
type KeyAsk = TokenAsk & Pick<RouteAsk, "model" | "source" | "clientIp" | "userAgent">

/** Ours begin so: a key that is wrong is told from a text that a client sends because it must send something. */
const PREFIX = "boo-"

// Agents of browsers are long; whoever reads who it was needs no more than their beginning.
const AGENT_LENGTH = 200

type Refused = Extract<Admission, { ok: false }>

interface Held {
  stored: StoredKey
  use: KeyUse
  /** Not in the database yet. */
  unsaved: {
    requests: number
    tokens: number
    money: number
    lastUsedMs: number
    lastUsedBy: KeyUser | null
  }
}

/** All keys in memory: who asks is known, and counted, without asking anybody. */
export class Keyring {
  readonly #store: KeysStore
  readonly #now: () => number
  readonly #byHash = new Map<string, Held>()
  readonly #byId = new Map<string, Held>()
  /** Reading and storing, one after the other: what is on its way between them would be missing from both sides. */
  #turns: Promise<void> = Promise.resolve()
  #saving: Promise<void> | null = null

  constructor(store: KeysStore, now: () => number) {
    this.#store = store
    this.#now = now
  }

  get size(): number {
    return this.#byId.size
  }

  look(credential: string | null): Shown {
    if (credential === null || !credential.startsWith(PREFIX)) return null
    const held = this.#byHash.get(hash("sha256", credential, "base64"))
    if (held === undefined) return wrong("This key is not known here", "key_unknown")
    const { revoked_at, expires_at, label } = held.stored
    if (revoked_at !== null) return wrong(`The key ${label} was revoked`, "key_revoked")
    if (expires_at !== null && epochMsOf(expires_at) <= this.#now())
      return wrong(`The key ${label} has expired`, "key_expired")
    return { key: this.#callerKey(held) }
  }

  #callerKey(held: Held): CallerKey {
    const { stored } = held
    const mayUse = (model: string): boolean => stored.models === null || allows(stored.models, model)
    const forbids = (model: string): GatewayProblem | null =>
      mayUse(model)
        ? null
        : problems.forbidden(`The key ${stored.label} may not use ${model}`, "model_not_allowed")
    return {
      ...{ label: stored.label, mayUse, forbids },
      needsWholeBody: (stored.models ?? stored.money_per_day ?? stored.money_per_month) !== null,
      begin: (ask) => {
        const forbidden = forbids(ask.model)
        if (forbidden !== null) return forbidden
        const nowMs = this.#now()
        const needsEstimate = stored.tokens_per_min ?? stored.tokens_per_day ?? stored.tokens_per_month
        const tokens = needsEstimate === null ? 0 : estimateTokens(ask)
        const admission = admit(held.use, stored, { nowMs, tokens })
        if (!admission.ok) return limited(stored, admission, tokens)
        held.unsaved.requests++
        held.unsaved.lastUsedMs = nowMs
        held.unsaved.lastUsedBy = userOf(ask)
        return this.#reservation(held, tokens)
      },
    }
  }

  #reservation(held: Held, reserved: number): Reservation {
    let isOpen = true
    return {
      settle({ tokens, money, atMs }) {
        if (!isOpen) return
        isOpen = false
        // Where the answer does not say, what was set aside is taken to be used.
        const [used, cost] = [tokens ?? reserved, money ?? 0]
        settle(held.use, { nowMs: atMs, reserved, tokens: used, money: cost })
        held.unsaved.tokens += used
        held.unsaved.money += cost
      },
    }
  }

  /** Reads keys and what all hubs have used; what runs here goes on counting. */
  load(): Promise<void> {
    return this.#inTurn(() => this.#load())
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#turns.then(work)
    this.#turns = done.catch(() => undefined)
    return done
  }

  async #load(): Promise<void> {
    const nowMs = this.#now()
    const [stored, usage] = await Promise.all([this.#store.all(), this.#store.usage(nowMs)])
    const used = new Map(usage.map((each) => [each.key_id, each]))
    this.#byHash.clear()
    for (const key of stored) {
      const held = this.#byId.get(key.id) ?? { stored: key, use: unusedKey(nowMs), unsaved: nothing() }
      held.stored = key
      adopt(held, used.get(key.id) ?? null, nowMs)
      this.#byId.set(key.id, held)
      this.#byHash.set(Buffer.from(key.key_hash).toString("base64"), held)
    }
  }

  async make(wanted: NewGatewayKey): Promise<MadeGatewayKey> {
    const key = `${PREFIX}${randomBytes(32).toString("base64url")}`
    const id = uuidv7()
    await this.#store.insert({ id, hash: hashOf(key), hint: `${key.slice(0, 8)}…`, wanted })
    await this.load()
    const made = this.list().find((each) => each.id === id)
    if (made === undefined) throw new Error(`the key ${id} was stored and is not there`)
    return { ...made, key }
  }

  async revoke(id: string): Promise<boolean> {
    const done = await this.#store.revoke(id)
    if (done) await this.load()
    return done
  }

  list(): GatewayKey[] {
    return [...this.#byId.values()]
      .map(({ stored, use, unsaved }) => ({
        ...withoutHash(stored),
        ...lastUse(stored, unsaved),
        used: usedBy(use, this.#now()),
      }))
      .sort((a, b) => (a.created_at < b.created_at ? 1 : -1))
  }

  /** Stores what was used since last time; what cannot be stored now is kept for the next time. */
  save(): Promise<void> {
    this.#saving ??= this.#inTurn(() => this.#save()).finally(() => (this.#saving = null))
    return this.#saving
  }

  async #save(): Promise<void> {
    const nowMs = this.#now()
    const changed = [...this.#byId].filter(([, { unsaved }]) => unsaved.requests > 0 || unsaved.tokens > 0)
    if (changed.length === 0) return
    const taken = changed.map(([keyId, held]) => {
      const { requests, tokens, money, lastUsedMs, lastUsedBy } = held.unsaved
      held.unsaved = { ...nothing(), lastUsedMs, lastUsedBy }
      return { keyId, requests, tokens, money, lastUsedMs, lastUsedBy }
    })
    try {
      await this.#store.add(taken, nowMs)
    } catch (error) {
      for (const { keyId, requests, tokens, money } of taken) {
        const unsaved = this.#byId.get(keyId)?.unsaved
        if (!unsaved) continue
        unsaved.requests += requests
        unsaved.tokens += tokens
        unsaved.money += money
      }
      throw error
    }
  }
}

function withoutHash(key: StoredKey): Omit<StoredKey, "key_hash"> {
  const { key_hash: _, ...listed } = key
  return listed
}

function adopt(held: Held, stored: StoredUsage | null, nowMs: number): void {
  const { use, unsaved } = held
  if (use.day !== dayOf(nowMs)) use.dearest = 0
  Object.assign(use, {
    ...{ day: dayOf(nowMs), month: monthOf(nowMs) },
    ...{
      dayTokens: (stored?.tokens_day ?? 0) + unsaved.tokens,
      monthTokens: (stored?.tokens_month ?? 0) + unsaved.tokens,
    },
    ...{
      dayMoney: (stored?.money_day ?? 0) + unsaved.money,
      monthMoney: (stored?.money_month ?? 0) + unsaved.money,
    },
  })
}

function nothing(): Held["unsaved"] {
  return { requests: 0, tokens: 0, money: 0, lastUsedMs: 0, lastUsedBy: null }
}

function userOf({ source, clientIp, userAgent }: KeyAsk): KeyUser {
  return { source, client_ip: clientIp, user_agent: userAgent?.slice(0, AGENT_LENGTH) ?? null }
}

/** What was stored last, by whichever hub, or what this one has seen since. */
function lastUse(
  { last_used_at, last_used_by }: StoredKey,
  { lastUsedMs, lastUsedBy }: Held["unsaved"],
): Pick<GatewayKey, "last_used_at" | "last_used_by"> {
  const isStoredLater = last_used_at !== null && epochMsOf(last_used_at) > lastUsedMs
  if (lastUsedMs === 0 || isStoredLater) return { last_used_at, last_used_by }
  return { last_used_at: instantOf(lastUsedMs), last_used_by: lastUsedBy }
}

function hashOf(key: string): Buffer {
  return hash("sha256", key, "buffer")
}

function wrong(message: string, code: string): { problem: GatewayProblem } {
  return { problem: problems.unauthorized(message, code) }
}

const WORDS = {
  requests_per_min: "requests per minute",
  tokens_per_min: "tokens per minute",
  tokens_per_day: "tokens per day",
  tokens_per_month: "tokens per month",
  money_per_day: "budget of the day",
  money_per_month: "budget of the month",
} as const

function limited(key: StoredKey, { limit, retryAfterS }: Refused, tokens: number): GatewayProblem {
  const message =
    retryAfterS === null
      ? `This request may take ${tokens} tokens, and the key ${key.label} has ${key[limit]} ${WORDS[limit]}: send less, or a smaller max_tokens`
      : `The key ${key.label} has used its ${WORDS[limit]}`
  return problems.limited(message, limit, retryAfterS)
}

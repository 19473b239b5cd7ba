import { setImmediate } from "node:timers/promises"
import { describe, expect, it } from "vitest"
import { instantOf } from "@boocontrol/shared/time"
import { Keyring } from "./keys.ts"
import type { KeysStore, StoredKey, StoredUsage } from "./store.ts"

const NOW_MS = Date.parse("2026-11-27T12:00:00Z")

const small = {
  ...({ model: "m", endpoint: "chat", servedBy: "any" } as const),
  ...{ promptBytes: 4, maxTokens: 1, hasImages: false },
  ...{ source: "boochat", clientIp: "10.0.0.7", userAgent: "curl/8.5.0" },
}

/** A store whose answers are as of when they were asked for, and come when the test lets them. */
function slowStore() {
  const keys: StoredKey[] = []
  const tokens = new Map<string, number>()
  const held: (() => void)[] = []
  let isSlow = false
  const later = <T>(value: T): Promise<T> =>
    isSlow ? new Promise((resolve) => held.push(() => resolve(value))) : Promise.resolve(value)
  const store: KeysStore = {
    all: () => later([...keys]),
    usage: () =>
      later(
        [...tokens].map(([key_id, used]): StoredUsage => ({
          ...{ key_id, tokens_day: used, tokens_month: used, money_day: 0, money_month: 0 },
        })),
      ),
    insert({ id, hash, hint, wanted }) {
      keys.push({
        ...{
          id,
          hint,
          label: wanted.label,
          key_hash: new Uint8Array(hash),
          models: null,
          created_at: instantOf(NOW_MS),
        },
        ...{ requests_per_min: null, tokens_per_min: null, tokens_per_day: 1_000, tokens_per_month: null },
        ...{ money_per_day: wanted.money_per_day ?? null, money_per_month: null },
        ...{ expires_at: null, revoked_at: null, last_used_at: null, last_used_by: null },
      })
      return Promise.resolve()
    },
    revoke: () => Promise.resolve(false),
    add(used) {
      for (const { keyId, tokens: more } of used) tokens.set(keyId, (tokens.get(keyId) ?? 0) + more)
      return later(undefined)
    },
  }
  return {
    ...{ store, tokens },
    hold: () => void (isSlow = true),
    /** From now on answers come at once; those that are held stay held. */
    hurry: () => void (isSlow = false),
    letGo() {
      isSlow = false
      for (const answer of held.splice(0)) answer()
    },
  }
}

describe("the keys in memory", () => {
  it("know a key that was made while an older reading of them was under way", async () => {
    const { store, hold, hurry, letGo } = slowStore()
    const ring = new Keyring(store, () => NOW_MS)
    hold()
    const older = ring.load()
    await setImmediate()
    hurry()
    const making = ring.make({ label: "new" })
    await setImmediate()
    letGo()
    const { key } = await making
    await older
    expect(ring.look(key)).toMatchObject({ key: { label: "new" } })
  })

  it("count what is stored while they are read once, not twice and not never", async () => {
    const { store, tokens, hold, letGo } = slowStore()
    const ring = new Keyring(store, () => NOW_MS)
    const { key, id } = await ring.make({ label: "busy" })
    const shown = ring.look(key)
    if (shown === null || !("key" in shown)) throw new Error("the key is not known")
    const begun = shown.key.begin(small)
    if (!("settle" in begun)) throw new Error("the request was refused")
    begun.settle({ tokens: 600, money: null, atMs: NOW_MS })
    hold()
    const reading = ring.load()
    const storing = ring.save()
    await setImmediate()
    letGo()
    await Promise.all([reading, storing])
    expect(tokens.get(id)).toBe(600)
    expect(ring.list()[0]?.used).toMatchObject({ tokens_day: 600 })
    await ring.load()
    expect(ring.list()[0]?.used).toMatchObject({ tokens_day: 600 })
  })

  it("tell what was used in the last minute, and by whom, before any of it is stored", async () => {
    const { store } = slowStore()
    let nowMs = NOW_MS
    const ring = new Keyring(store, () => nowMs)
    const { key } = await ring.make({ label: "seen" })
    const shown = ring.look(key)
    if (shown === null || !("key" in shown)) throw new Error("the key is not known")
    const begun = shown.key.begin({ ...small, userAgent: "a".repeat(500) })
    if (!("settle" in begun)) throw new Error("the request was refused")
    begun.settle({ tokens: 600, money: null, atMs: nowMs })
    expect(ring.list()[0]).toMatchObject({
      used: { requests_minute: 1, tokens_minute: 600, tokens_day: 600 },
      last_used_by: { source: "boochat", client_ip: "10.0.0.7", user_agent: "a".repeat(200) },
    })
    nowMs += 60_000
    expect(ring.list()[0]?.used).toMatchObject({ requests_minute: 0, tokens_minute: 0, tokens_day: 600 })
    nowMs += 86_400_000
    expect(ring.list()[0]?.used).toMatchObject({ tokens_day: 0 })
  })

  it("forget with the day what the dearest request cost, also where they are read again first", async () => {
    const { store } = slowStore()
    let nowMs = NOW_MS
    const ring = new Keyring(store, () => nowMs)
    const { key } = await ring.make({ label: "dear", money_per_day: 10 })
    const begin = () => {
      const shown = ring.look(key)
      if (shown === null || !("key" in shown)) throw new Error("the key is not known")
      return shown.key.begin(small)
    }
    const first = begin()
    if (!("settle" in first)) throw new Error("the request was refused")
    first.settle({ tokens: 1, money: 8, atMs: nowMs })
    nowMs += 86_400_000
    await ring.load()
    expect([begin(), begin()]).toEqual([{ settle: expect.any(Function) }, { settle: expect.any(Function) }])
  })
})

import { hash } from "node:crypto"
import type { HostId, RequestId, SwapEpoch } from "@boocontrol/shared/ids"
import { epochMsOf, instantOf } from "@boocontrol/shared/time"
import type { Instant } from "@boocontrol/shared/time"

export interface RequestIdentity {
  provider_id: HostId
  swap_epoch: SwapEpoch
  swap_entry_id: number
  ts: Instant
}

type WithinHost = Omit<RequestIdentity, "provider_id">

/** Says which request it is, over all hosts. */
export function identityKey(host: HostId, { swap_epoch, swap_entry_id, ts }: WithinHost): string {
  return `${host}/${swap_epoch}/${swap_entry_id}/${ts}`
}

/**
 * UUIDv7 of the request's own time. The engine's times are whole seconds, so the engine's id comes next (in place
 * of random bits, as RFC 9562 allows): ids of one host sort as its rows do. The rest is a hash of the identity, so
 * that the same row has the same id wherever and whenever it is stored. Written without a detour over bytes: it is
 * made for every row that is stored.
 */
export function requestIdOf(identity: RequestIdentity): RequestId {
  return requestIdOfKey(identityKey(identity.provider_id, identity), identity)
}

/** The same, where the key is known already. */
export function requestIdOfKey(key: string, { swap_entry_id, ts }: WithinHost): RequestId {
  const time = hex(epochMsOf(ts), 12)
  const digest = hash("sha256", key)
  const entry = swap_entry_id % 2 ** 32
  const high = hex(Math.floor(entry / 2 ** 20), 3)
  const middle =
    hex(0x80 | (Math.floor(entry / 2 ** 14) & 0x3f), 2) + hex(Math.floor(entry / 2 ** 6) & 0xff, 2)
  const low = hex(((entry & 0x3f) << 2) | (Number.parseInt(digest.slice(1, 2), 16) & 0x03), 2)
  // A time that no date has makes a text that is no UUID, which Postgres refuses.
  return `${time.slice(0, 8)}-${time.slice(8)}-7${high}-${middle}-${low}${digest.slice(2, 12)}` as RequestId
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, "0")
}

/** Time of a request, read from its id: finds the partition. */
export function timeOfRequestId(id: RequestId): number {
  return timeOfId(id)
}

const ID_PATTERN = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"
// Beyond it there is no time to write.
const LAST_MS = Date.UTC(9999, 11, 31)

export interface IdRange {
  /** The least and the greatest id, and their times. */
  first: { id: string; ts: Instant }
  last: { id: string; ts: Instant }
}

/** Ids that begin with a text; null for a text that cannot be meant as one. */
export function idsBeginningWith(text: string): IdRange | null {
  const given = text.toLowerCase()
  const fits = given.length >= 8 && given.length <= ID_PATTERN.length
  if (!fits || given.replaceAll(/[0-9a-f]/g, "x") !== ID_PATTERN.slice(0, given.length)) return null
  const rest = ID_PATTERN.slice(given.length)
  const [first, last] = [given + rest.replaceAll("x", "0"), given + rest.replaceAll("x", "f")]
  if (timeOfId(last) > LAST_MS) return null
  return {
    first: { id: first, ts: instantOf(timeOfId(first)) },
    last: { id: last, ts: instantOf(timeOfId(last)) },
  }
}

function timeOfId(id: string): number {
  return Number.parseInt(id.replaceAll("-", "").slice(0, 12), 16)
}

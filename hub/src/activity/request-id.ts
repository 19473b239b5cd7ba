import { createHash } from "node:crypto"
import { RequestId } from "@boocontrol/shared/ids"
import type { HostId, SwapEpoch } from "@boocontrol/shared/ids"
import { epochMsOf, instantOf } from "@boocontrol/shared/time"
import type { Instant } from "@boocontrol/shared/time"

export interface RequestIdentity {
  provider_id: HostId
  swap_epoch: SwapEpoch
  swap_entry_id: number
  ts: Instant
}

/**
 * UUIDv7 of the request's own time. The engine's times are whole seconds, so the engine's id comes next (in place
 * of random bits, as RFC 9562 allows): ids of one host sort as its rows do. The rest is a hash of the identity, so
 * that the same row has the same id wherever and whenever it is stored.
 */
export function requestIdOf(identity: RequestIdentity): RequestId {
  const { provider_id, swap_epoch, swap_entry_id, ts } = identity
  const hash = createHash("sha256").update(`${provider_id}/${swap_epoch}/${swap_entry_id}/${ts}`).digest()
  const bytes = Buffer.alloc(16)
  bytes.writeUIntBE(epochMsOf(ts), 0, 6)
  const entry = swap_entry_id % 2 ** 32
  bytes.writeUInt16BE(0x7000 | Math.floor(entry / 2 ** 20), 6)
  bytes.writeUInt8(0x80 | (Math.floor(entry / 2 ** 14) & 0x3f), 8)
  bytes.writeUInt8(Math.floor(entry / 2 ** 6) & 0xff, 9)
  hash.copy(bytes, 10, 0, 6)
  bytes.writeUInt8(((entry & 0x3f) << 2) | (bytes.readUInt8(10) & 0x03), 10)
  const hex = bytes.toString("hex")
  return RequestId.parse(hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5"))
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

import { createHash } from "node:crypto"
import { RequestId } from "@boocontrol/shared/ids"
import type { HostId, SwapEpoch } from "@boocontrol/shared/ids"
import { epochMsOf } from "@boocontrol/shared/time"
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
  return Number.parseInt(id.replaceAll("-", "").slice(0, 12), 16)
}

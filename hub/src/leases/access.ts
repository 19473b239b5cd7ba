import { BooError } from "@boocontrol/shared/errors"
import { HostId } from "@boocontrol/shared/ids"
import type { LeaseId, LeaseMode } from "@boocontrol/shared/leases"
import type { Clock } from "../platform/clock.ts"
import type { Log } from "../platform/log.ts"
import type { Acquire } from "./acquire.ts"
import type { LeaseKeeping } from "./keeping.ts"

/** A lease that this hub keeps up for whoever has it, until it is given back or lost. */
export interface HostAccess {
  readonly lease_id: LeaseId
  /** Goes with every command: a host that has seen a newer one refuses it. */
  readonly fencing_token: number
  /** Aborted when the lease is lost: taken over, or not kept up in time. Whoever works under it stops at once. */
  readonly lost: AbortSignal
  release(): Promise<void>
}

export type HostAccessOutcome =
  { ok: true; lease: HostAccess } | { ok: false; reason: string; error: BooError }

export interface HostAccessOptions {
  /** Default `exclusive`. */
  mode?: LeaseMode
  /** Default 0: not at all. */
  waitS?: number
  /** Default `boocontrol`. */
  holder?: string
  signal?: AbortSignal
}

/** The one door for whatever in this hub writes to a host, or needs it undisturbed. */
export type AcquireHostAccess = (
  providerId: string,
  purpose: string,
  options?: HostAccessOptions,
) => Promise<HostAccessOutcome>

/** Long enough for a hub that is held up for some seconds; a hub that died frees its hosts after it. */
const TTL_S = 30
const RENEW_EVERY_MS = 8_000

export interface HostAccessParts {
  acquire: Acquire
  keeping: LeaseKeeping
  clock: Clock
  log: Log
}

export function hostAccess({ acquire, keeping, clock, log }: HostAccessParts): AcquireHostAccess {
  return async (providerId, purpose, options = {}) => {
    const { mode = "exclusive", waitS = 0, holder = "boocontrol" } = options
    const signal = options.signal ?? new AbortController().signal
    const host = HostId.safeParse(providerId)
    if (!host.success) return no(new BooError("HOST_NOT_FOUND", { host: providerId, known: [] }))
    const askedMs = clock.now()
    try {
      const request = { provider_id: host.data, holder, purpose, mode, ttl_s: TTL_S, wait_s: waitS }
      const { lease_id, fencing_token } = await acquire(request, signal)
      const lost = new AbortController()
      // By when it was last asked for, not by when the answer came: the earlier is the safe side.
      let sinceMs = Math.max(askedMs, clock.now() - RENEW_EVERY_MS)
      let renewing: Promise<void> | null = null
      const renew = async (): Promise<void> => {
        const atMs = clock.now()
        try {
          await keeping.renew({ lease_id, fencing_token })
          sinceMs = atMs
        } catch (error) {
          const isRefused = error instanceof BooError && error.code !== "DATABASE_DOWN"
          if (isRefused || clock.now() - sinceMs >= TTL_S * 1_000) {
            log.warn({ host: providerId, purpose, err: error }, "a lease of this hub is lost")
            end()
            lost.abort()
          }
        }
      }
      const end = clock.every(RENEW_EVERY_MS, () => {
        renewing ??= renew().finally(() => (renewing = null))
      })
      return {
        ok: true,
        lease: {
          ...{ lease_id, fencing_token, lost: lost.signal },
          async release() {
            end()
            await renewing
            if (lost.signal.aborted) return
            await keeping.release({ lease_id, fencing_token }, null).catch((error: unknown) => {
              // It ends by itself: nobody renews it any more.
              log.debug({ err: error, host: providerId }, "a lease was not given back")
            })
          },
        },
      }
    } catch (error) {
      if (error instanceof BooError) return no(error)
      throw error
    }
  }
}

function no(error: BooError): HostAccessOutcome {
  return { ok: false, reason: error.message, error }
}

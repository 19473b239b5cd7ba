import { randomUUID } from "node:crypto"
import { BooError } from "@boocontrol/shared/errors"
import type { HostId } from "@boocontrol/shared/ids"
import { LeaseId } from "@boocontrol/shared/leases"
import type { LeaseGrant, LeaseRequest } from "@boocontrol/shared/leases"
import type { Clock } from "../platform/clock.ts"
import { sleep } from "../platform/clock.ts"
import { heldBy } from "./core.ts"
import type { LeasedHostsPort } from "./ports.ts"
import type { LeasesStore, StoredLease } from "./store.ts"
import type { LeaseWatch } from "./watch.ts"

export interface AcquireOptions {
  store: LeasesStore
  watch: LeaseWatch
  hosts: LeasedHostsPort
  clock: Clock
}

export type Acquire = (request: LeaseRequest, signal: AbortSignal) => Promise<LeaseGrant>

/** Well within the ten seconds for which a wait lives without being kept up. */
const KEEP_UP_EVERY_MS = 2_500

/** Gets a lease: at once, or in its turn within `wait_s`. Whoever has gone away (`signal`) loses the place. */
export function acquirer({ store, watch, hosts, clock }: AcquireOptions): Acquire {
  const grantOf = ({ lease_id, fencing_token, expires_at, provider_id }: StoredLease): LeaseGrant => ({
    ...{ lease_id, fencing_token, expires_at, inflight: hosts.workOn(provider_id) },
  })

  const wait = async (id: LeaseId, request: LeaseRequest, signal: AbortSignal): Promise<LeaseGrant> => {
    const { provider_id: host, wait_s = 0, mode } = request
    const over = new AbortController()
    const cancel = clock.setTimeout(() => over.abort(), wait_s * 1_000)
    const news = newsOf(id, host)
    try {
      for (;;) {
        const heard = news.next()
        const standing = await store.stand(id, host)
        const work = hosts.workOn(host)
        // What cannot be known cannot be waited for.
        const isDrained = mode === "shared" || (work ?? 0) === 0
        if (standing === "draining" && isDrained && !signal.aborted) {
          const lease = await store.handOver(id)
          if (lease) return grantOf(lease)
        } else if (standing === "ended" || standing === "gone") throw refused(request, watch.of(host))
        else if (over.signal.aborted || signal.aborted) {
          if (standing === "draining")
            throw new BooError("LEASE_NOT_DRAINED", { host, inflight: work, wait_s, ...heldBy(null) })
          throw refused(request, watch.of(host))
        }
        await sleep(clock, KEEP_UP_EVERY_MS, AbortSignal.any([heard, over.signal, signal]))
      }
    } finally {
      cancel()
      news.stop()
    }
  }

  /** `next` is a signal that is aborted by whatever happens to this lease or this host after the call. */
  const newsOf = (id: LeaseId, host: HostId) => {
    let current = new AbortController()
    const offs = [
      watch.onChange((change) => {
        if (change.lease === id || (change.lease === null && change.host === host)) current.abort()
      }),
      hosts.onWork((where) => {
        if (where === host) current.abort()
      }),
    ]
    return {
      next: () => (current = new AbortController()).signal,
      stop: () => offs.forEach((off) => off()),
    }
  }

  return async (request, signal) => {
    if (!hosts.ids().includes(request.provider_id))
      throw new BooError("HOST_NOT_FOUND", { host: request.provider_id, known: hosts.ids() })
    const id = LeaseId.parse(randomUUID())
    const lease = { id, host: request.provider_id }
    const asked = await store.acquire(id, request)
    if (asked.outcome === "refused") throw refused(request, asked.lease)
    try {
      const grant = asked.outcome === "held" ? grantOf(asked.lease) : await wait(id, request, signal)
      if (!signal.aborted) return grant
      throw refused(request, null)
    } catch (error) {
      // Nobody is there to use it, or it did not come in time: the next in line is served at once.
      await store.end(lease, "withdrawn", null)
      throw error
    }
  }
}

function refused({ provider_id: host }: LeaseRequest, lease: Parameters<typeof heldBy>[0]): BooError {
  const details = lease
    ? heldBy(lease)
    : { holder: "others who wait", purpose: "their turn", expires_at: null }
  return new BooError("LEASE_HELD", { host, ...details })
}

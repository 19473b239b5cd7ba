import { LeaseGrant, LeaseRef, LeaseRequest } from "@boocontrol/shared/leases"
import { parseBody } from "../platform/http.ts"
import type { RpcEndpoint } from "../platform/micro-service.ts"
import type { Acquire } from "./acquire.ts"
import type { LeaseKeeping } from "./keeping.ts"

/** The same as the routes, for tools on NATS. */
export function leasesRpc(acquire: Acquire, keeping: LeaseKeeping): RpcEndpoint[] {
  return [
    {
      name: "lease.acquire",
      summary: "Take a host, at once or in turn within wait_s",
      answer: (asked, signal) => acquire(parseBody(LeaseRequest, asked), signal),
      // Whoever asked went away while it waited: what it was given nobody would give back.
      async unheard(answer) {
        const granted = LeaseGrant.safeParse(answer)
        if (granted.success) await keeping.release({ lease_id: granted.data.lease_id }, null)
      },
    },
    {
      name: "lease.renew",
      summary: "Extend a lease by its own time",
      async answer(asked) {
        const { lease_id, fencing_token, expires_at } = await keeping.renew(parseBody(LeaseRef, asked))
        return { lease_id, fencing_token, expires_at }
      },
    },
    {
      name: "lease.release",
      summary: "Give a lease back",
      answer: (asked) => keeping.release(parseBody(LeaseRef, asked), null),
    },
  ]
}

import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify"
import * as z from "zod/mini"
import { BooError } from "@boocontrol/shared/errors"
import { pageOf } from "@boocontrol/shared/http"
import { HostId } from "@boocontrol/shared/ids"
import { LeaseGrant, LeaseId, LeaseRequest, LeaseRow, parseLeaseHeader } from "@boocontrol/shared/leases"
import type { LeaseRef } from "@boocontrol/shared/leases"
import { describeRoute, parseBody, parseParams, parseQuery } from "../platform/http.ts"
import type { Acquire } from "./acquire.ts"
import type { LeaseKeeping } from "./keeping.ts"
import { rowOf } from "./keeping.ts"
import type { LeasesStore } from "./store.ts"

const tags = ["leases"]
const LeaseParams = z.object({ id: LeaseId })
const LeasesQuery = z.strictObject({ provider_id: z.optional(HostId) })

export interface LeasesRoutesOptions {
  acquire: Acquire
  keeping: LeaseKeeping
  store: LeasesStore
}

export function leasesRoutes({ acquire, keeping, store }: LeasesRoutesOptions) {
  return async (app: FastifyInstance): Promise<void> => {
    app.get(
      "/leases",
      describeRoute({
        summary: "Leases in force, newest first",
        ...{ tags, querystring: LeasesQuery, response: pageOf(LeaseRow) },
      }),
      async (request) => {
        const { provider_id = null } = parseQuery(LeasesQuery, request.query)
        return { rows: (await store.inForce(provider_id)).leases.map(rowOf), next: null }
      },
    )

    app.post(
      "/leases",
      describeRoute({
        summary:
          "Take a host, at once or in turn within wait_s; whoever closes the connection loses the place",
        ...{ tags, body: LeaseRequest, response: { 201: LeaseGrant } },
      }),
      async (request, reply) => {
        const wanted = parseBody(LeaseRequest, request.body)
        return reply.code(201).send(await acquire(wanted, goneAway(reply)))
      },
    )

    app.post(
      "/leases/:id/heartbeat",
      describeRoute({
        summary: "Extend a lease by its own time",
        ...{ tags, params: LeaseParams, response: LeaseGrant },
      }),
      async (request) => {
        const { lease_id, fencing_token, expires_at } = await keeping.renew(refOf(request))
        return { lease_id, fencing_token, expires_at }
      },
    )

    app.delete(
      "/leases/:id",
      describeRoute({ summary: "Give a lease back", ...{ tags, params: LeaseParams, response: LeaseRow } }),
      async (request) => keeping.release(refOf(request), null),
    )
  }
}

/** The lease of the path, with the token of `X-Boo-Lease` where that is given; it has to name the same lease. */
function refOf(request: FastifyRequest): LeaseRef {
  const { id } = parseParams(LeaseParams, request.params)
  const given = leaseHeaderOf(request)
  if (given && given.lease_id !== id) {
    const problem = `it names lease ${given.lease_id}, the path ${id}`
    throw new BooError("BAD_REQUEST", { where: "header X-Boo-Lease", problem })
  }
  return given ?? { lease_id: id }
}

function leaseHeaderOf({ headers }: FastifyRequest): LeaseRef | null {
  const text = headers["x-boo-lease"]
  if (text === undefined) return null
  const given = parseLeaseHeader(String(text))
  if (given) return given
  const problem = "it is <lease id> or <lease id>;<fencing token>"
  throw new BooError("BAD_REQUEST", { where: "header X-Boo-Lease", problem })
}

/** Aborted when the other end closes before it has its answer. */
function goneAway(reply: FastifyReply): AbortSignal {
  const gone = new AbortController()
  reply.raw.on("close", () => {
    if (!reply.raw.writableFinished) gone.abort()
  })
  return gone.signal
}

import type { FastifyInstance, FastifyRequest } from "fastify"
import * as z from "zod/mini"
import { ActionAccepted, ActionRequest, HostAction } from "@boocontrol/shared/actions"
import { AuditQuery, AuditRow } from "@boocontrol/shared/audit"
import { BooError } from "@boocontrol/shared/errors"
import { PageQuery, pageOf } from "@boocontrol/shared/http"
import { HostId } from "@boocontrol/shared/ids"
import { parseLeaseHeader } from "@boocontrol/shared/leases"
import type { LeaseRef } from "@boocontrol/shared/leases"
import { describeRoute, parseBody, parseParams, parseQuery } from "../platform/http.ts"
import type { Ask } from "./ask.ts"
import type { ActedHostsPort } from "./ports.ts"
import type { ActionsStore } from "./store.ts"

const tags = ["actions"]
const HostParams = z.object({ id: HostId })
const ConfirmQuery = z.strictObject({ confirm: z._default(z.enum(["true", "false"]), "false") })

export interface ActionsRoutesOptions {
  ask: Ask
  store: ActionsStore
  hosts: ActedHostsPort
}

export function actionsRoutes({ ask, store, hosts }: ActionsRoutesOptions) {
  return async (app: FastifyInstance): Promise<void> => {
    app.post(
      "/hosts/:id/actions",
      describeRoute({
        summary: "Have a host load or unload a model, switch its profile, or end a request in flight",
        ...{ tags, params: HostParams, querystring: ConfirmQuery },
        ...{ body: ActionRequest, response: { 202: ActionAccepted } },
      }),
      async (request, reply) => {
        const host = knownHost(hosts, parseParams(HostParams, request.params).id)
        const confirm = parseQuery(ConfirmQuery, request.query).confirm === "true"
        const wanted = parseBody(ActionRequest, request.body)
        const who = { actor: actorOf(request), ref: leaseHeaderOf(request) }
        return reply.code(202).send(await ask({ host, request: wanted, confirm, ...who }))
      },
    )

    app.get(
      "/hosts/:id/actions",
      describeRoute({
        summary: "Actions of a host and what became of them, newest first",
        ...{ tags, params: HostParams, querystring: PageQuery, response: pageOf(HostAction) },
      }),
      async (request) => {
        const host = knownHost(hosts, parseParams(HostParams, request.params).id)
        return store.page(host, parseQuery(PageQuery, request.query))
      },
    )

    app.get(
      "/audit",
      describeRoute({
        summary: "Who took over a host, and what else others will ask about, newest first",
        ...{ tags, querystring: AuditQuery, response: pageOf(AuditRow) },
      }),
      async (request) => store.auditPage(parseQuery(AuditQuery, request.query)),
    )
  }
}

function knownHost(hosts: ActedHostsPort, host: HostId): HostId {
  if (!hosts.find(host)) throw new BooError("HOST_NOT_FOUND", { host, known: hosts.ids() })
  return host
}

function actorOf({ actor }: FastifyRequest): string {
  return actor?.kind === "person" ? actor.name : (actor?.kind ?? "anyone")
}

function leaseHeaderOf({ headers }: FastifyRequest): LeaseRef | null {
  const text = headers["x-boo-lease"]
  if (text === undefined) return null
  const given = parseLeaseHeader(String(text))
  if (given) return given
  const problem = "it is <lease id> or <lease id>;<fencing token>"
  throw new BooError("BAD_REQUEST", { where: "header X-Boo-Lease", problem })
}

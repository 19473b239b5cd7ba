import type { FastifyInstance } from "fastify"
import * as z from "zod/mini"
import { BooError } from "@boocontrol/shared/errors"
import { HostPatch, HostRow, Provider, RegisteredHost } from "@boocontrol/shared/hosts"
import { pageOf } from "@boocontrol/shared/http"
import { HostId } from "@boocontrol/shared/ids"
import { describeRoute, parseBody, parseParams } from "../platform/http.ts"
import type { HostCredentials } from "./credentials.ts"
import { addressOf } from "./enrolment-routes.ts"
import { offerEnrolment } from "./enrolments.ts"
import type { Enrolments } from "./enrolments.ts"
import type { HostRegistry } from "./registry.ts"
import type { UpstreamKeys } from "./upstream-keys.ts"

const tags = ["hosts"]
const HostParams = z.object({ id: HostId })

/** Body of `POST /hosts`. */
const NewHost = z.strictObject({
  provider_id: HostId,
  display_name: z.optional(z.string().check(z.minLength(1), z.maxLength(80))),
  tags: z.optional(z.array(z.string().check(z.minLength(1), z.maxLength(40))).check(z.maxLength(20))),
})

/** Body of `PUT /hosts/:id/upstream-key`; null takes the key away. It is never given out again. */
const UpstreamKey = z.strictObject({
  key: z.nullable(z.string().check(z.minLength(1), z.maxLength(500), z.regex(/^\S+$/))),
})

export interface HostsRoutesOptions {
  registry: Pick<HostRegistry, "store" | "rows" | "keep" | "registered">
  keys: UpstreamKeys
  credentials: HostCredentials
  enrolments: Enrolments
  natsUrl: string
  basePath: string
}

export function hostsRoutes({ registry, keys, credentials, ...rest }: HostsRoutesOptions) {
  const { enrolments, natsUrl, basePath } = rest
  const { store, rows, keep } = registry
  const unknown = (id: HostId): BooError =>
    new BooError("HOST_NOT_FOUND", { host: id, known: [...rows.keys()] })
  const hostOf = async (params: unknown): Promise<HostId> => {
    const { id } = parseParams(HostParams, params)
    await registry.registered(id)
    return id
  }
  const sorted = (): HostRow[] => [...rows.values()].sort((a, b) => (a.provider_id < b.provider_id ? -1 : 1))

  return async (app: FastifyInstance): Promise<void> => {
    app.get(
      "/hosts",
      describeRoute({ summary: "Every registered host", tags, response: pageOf(HostRow) }),
      async () => ({ rows: sorted(), next: null }),
    )

    app.post(
      "/hosts",
      describeRoute({
        summary: "Register a host; answers with the command that makes a machine this host",
        ...{ tags, body: NewHost, response: { 201: RegisteredHost } },
      }),
      async (request, reply) => {
        const { provider_id: id, display_name = id, tags: given = [] } = parseBody(NewHost, request.body)
        const row = await store.insert({ provider_id: id, display_name, tags: given })
        if (!row) throw new BooError("HOST_EXISTS", { host: id })
        keep(id, row)
        const hubUrl = addressOf(request, basePath)
        const enrolment = await offerEnrolment(id, { enrolments, credentials, natsUrl, hubUrl })
        return reply.code(201).send({ ...row, enrolment })
      },
    )

    app.patch(
      "/hosts/:id",
      describeRoute({
        summary: "Change what an operator may change; a disabled host is not listened to",
        ...{ tags, params: HostParams, body: HostPatch, response: HostRow },
      }),
      async (request) => {
        const id = await hostOf(request.params)
        const row = await store.patch(id, parseBody(HostPatch, request.body))
        if (!row) throw unknown(id)
        keep(id, row)
        return row
      },
    )

    app.put(
      "/hosts/:id/upstream-key",
      describeRoute({
        summary: "The key that the gateway sends to this host; kept encrypted, and never given out",
        ...{ tags, params: HostParams, body: UpstreamKey, response: { 204: z.null() } },
      }),
      async (request, reply) => {
        const id = await hostOf(request.params)
        if (!(await keys.set(id, parseBody(UpstreamKey, request.body).key))) throw unknown(id)
        return reply.code(204).send()
      },
    )

    app.delete(
      "/hosts/:id",
      describeRoute({
        summary: "Forget a host; its history stays, and it registers again when it speaks again",
        ...{ tags, params: HostParams, response: { 204: z.null() } },
      }),
      async (request, reply) => {
        const id = await hostOf(request.params)
        if (!(await store.remove(id))) throw unknown(id)
        keep(id, null)
        return reply.code(204).send()
      },
    )

    app.get(
      "/providers",
      describeRoute({
        summary: "The gateway, and the hosts, as other applications list them; the API is at <base_url>/v1",
        ...{ tags, response: pageOf(Provider) },
      }),
      async (request) => ({
        rows: [gatewayAt(addressOf(request, basePath)), ...sorted().map(providerOf)],
        next: null,
      }),
    )
  }
}

function gatewayAt(base_url: string): Provider {
  return { id: "boocontrol", kind: "boocontrol-gateway", base_url, enabled: true }
}

function providerOf(row: HostRow): Provider {
  return { id: row.provider_id, kind: "llama-swap", base_url: row.advertise_url, enabled: row.enabled }
}

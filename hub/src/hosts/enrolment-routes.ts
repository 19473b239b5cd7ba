import { readFile } from "node:fs/promises"
import type { FastifyInstance, FastifyRequest } from "fastify"
import * as z from "zod/mini"
import { BooError } from "@boocontrol/shared/errors"
import { Enrolled, EnrolRequest, Enrolment } from "@boocontrol/shared/hosts"
import type { HostRow } from "@boocontrol/shared/hosts"
import { HostId } from "@boocontrol/shared/ids"
import { describeRoute, parseBody, parseParams } from "../platform/http.ts"
import type { HostCredentials } from "./credentials.ts"
import { natsUrlFrom, offerEnrolment } from "./enrolments.ts"
import type { Enrolments } from "./enrolments.ts"

const tags = ["hosts"]
const HostParams = z.object({ id: HostId })

export interface EnrolmentRoutesOptions {
  rows: ReadonlyMap<HostId, HostRow>
  enrolments: Enrolments
  credentials: HostCredentials
  natsUrl: string
  basePath: string
}

export function enrolmentRoutes({
  rows,
  enrolments,
  credentials,
  natsUrl,
  basePath,
}: EnrolmentRoutesOptions) {
  return async (app: FastifyInstance): Promise<void> => {
    app.post(
      "/hosts/:id/enrolment",
      describeRoute({
        summary: "Another one-time command by which a machine becomes this host",
        ...{ tags, params: HostParams, response: { 201: Enrolment } },
      }),
      async (request, reply) => {
        const { id } = parseParams(HostParams, request.params)
        if (!rows.has(id)) throw new BooError("HOST_NOT_FOUND", { host: id, known: [...rows.keys()] })
        const hubUrl = addressOf(request, basePath)
        const how = { enrolments, credentials, natsUrl, hubUrl }
        return reply.code(201).send(await offerEnrolment(id, how))
      },
    )

    app.post(
      "/enroll",
      describeRoute({
        summary: "For a sidecar: gives the credentials of a host for the one-time token of its enrolment",
        ...{ tags, body: EnrolRequest, response: Enrolled },
      }),
      async (request): Promise<Enrolled> => {
        const { token } = parseBody(EnrolRequest, request.body)
        // Before it is used up, so that a disk that is full costs nobody a token.
        const known = await enrolments.look(token)
        const path = known.ok ? await credentials.of(known.host) : null
        const creds = path === null ? null : await readFile(path, "utf8")
        const used = await enrolments.use(token, request.ip)
        if (!used.ok) throw new BooError("ENROLMENT_REFUSED", { problem: used.problem })
        request.log.info({ host: used.host, from: request.ip }, "a machine was enrolled")
        return { provider_id: used.host, nats_url: natsUrlFrom(natsUrl, bracketed(request.hostname)), creds }
      },
    )
  }
}

/** At the address the asker has used: it works from there. */
export function addressOf({ protocol, host }: FastifyRequest, basePath: string): string {
  return `${protocol}://${host}${basePath === "/" ? "" : basePath}`
}

function bracketed(name: string): string {
  return name.includes(":") && !name.startsWith("[") ? `[${name}]` : name
}

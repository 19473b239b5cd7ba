import type { FastifyInstance } from "fastify"
import * as z from "zod/mini"
import { BooError } from "@boocontrol/shared/errors"
import { GatewayKey, MadeGatewayKey, NewGatewayKey } from "@boocontrol/shared/gateway"
import { pageOf } from "@boocontrol/shared/http"
import { describeRoute, parseBody, parseParams } from "../platform/http.ts"
import type { Keyring } from "./keys.ts"

const tags = ["gateway"]
const KeyParams = z.object({ id: z.uuid() })

export function gatewayRoutes(keys: Keyring) {
  return async (app: FastifyInstance): Promise<void> => {
    app.get(
      "/keys",
      describeRoute({
        summary: "Keys of the gateway, without the keys themselves",
        tags,
        response: pageOf(GatewayKey),
      }),
      async () => ({ rows: keys.list(), next: null }),
    )
    app.post(
      "/keys",
      describeRoute({
        summary: "Make a key; this reply is the only one that shows it",
        ...{ tags, body: NewGatewayKey, response: { 201: MadeGatewayKey } },
      }),
      async (request, reply) => reply.code(201).send(await keys.make(parseBody(NewGatewayKey, request.body))),
    )
    app.delete(
      "/keys/:id",
      describeRoute({
        summary: "Revoke a key, at once and for good; it stays listed",
        ...{ tags, params: KeyParams, response: { 204: z.null() } },
      }),
      async (request, reply) => {
        const { id } = parseParams(KeyParams, request.params)
        if (!(await keys.revoke(id))) throw new BooError("KEY_NOT_FOUND", { key: id })
        return reply.code(204).send()
      },
    )
  }
}

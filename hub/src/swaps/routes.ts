import type { FastifyPluginCallback } from "fastify"
import { BooError } from "@boocontrol/shared/errors"
import { SwapsQuery, SwapsReply } from "@boocontrol/shared/swaps"
import { epochMsOf, instantOf } from "@boocontrol/shared/time"
import { describeRoute, parseQuery } from "../platform/http.ts"
import { costsOf, energyOver, lengthOf, modelEnergy, swapsOf, thrashOf, unionOf } from "./core.ts"
import type { SwapsOptions } from "./index.ts"

const DAY_MS = 24 * 3_600_000
/** Beyond it power is only known in steps longer than most loads, and rows become too many to look at. */
const LONGEST_MS = 7 * DAY_MS
/** A load that began before the range may end in it. */
const REACH_BACK_MS = 3_600_000

export function swapsRoutes(options: SwapsOptions): FastifyPluginCallback {
  return (app, _options, done) => {
    app.get(
      "/swaps",
      describeRoute({
        summary:
          "What loads and unloads cost a host, which models thrash, and energy per 1,000 tokens; without from and to " +
          "of the last 24 hours, at most 7 days",
        tags: ["swaps"],
        querystring: SwapsQuery,
        response: SwapsReply,
      }),
      (request) => swapsReply(parseQuery(SwapsQuery, request.query), options),
    )
    done()
  }
}

async function swapsReply(query: SwapsQuery, { clock, hosts, ...ports }: SwapsOptions): Promise<SwapsReply> {
  const host = query.provider_id
  if (!hosts.ids().includes(host)) throw new BooError("HOST_NOT_FOUND", { host, known: hosts.ids() })
  const toMs = query.to === undefined ? clock.now() : epochMsOf(query.to)
  const fromMs = query.from === undefined ? toMs - DAY_MS : epochMsOf(query.from)
  if (fromMs >= toMs || toMs - fromMs > LONGEST_MS)
    throw new BooError("BAD_REQUEST", {
      where: "query parameter from",
      problem: "it must be before to, and at most 7 days before",
    })
  const range = { fromMs, toMs }
  const [changes, power, requests] = await Promise.all([
    ports.changes(host, { fromMs: fromMs - REACH_BACK_MS, toMs }),
    ports.power(host, range),
    ports.ran(host, range),
  ])
  const swaps = swapsOf(changes, range)
  const lost = unionOf(swaps)
  return {
    provider_id: host,
    from: instantOf(fromMs),
    to: instantOf(toMs),
    power_step_s: power.stepMs / 1_000,
    lost_ms: lengthOf(lost),
    lost_joules: energyOver(lost, power.slots).joules,
    models: costsOf(swaps, power.slots),
    thrash: thrashOf(swaps),
    energy: modelEnergy(requests, power.slots, range),
  }
}

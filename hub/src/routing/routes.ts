import { BooError } from "@boocontrol/shared/errors"
import { pageOf } from "@boocontrol/shared/http"
import { HostId } from "@boocontrol/shared/ids"
import {
  PolicyCheck,
  PolicyName,
  PolicySave,
  RoutePolicyRow,
  SavedPolicy,
} from "@boocontrol/shared/route-policy"
import {
  DispatchesQuery,
  ExplainRequest,
  FlowsQuery,
  NewTarget,
  ReplayReply,
  ReplayRequest,
  ResolveReply,
  ResolveRequest,
  RouteDispatch,
  RouteExplanation,
  RouteFlows,
  RouteScores,
  RouteTarget,
  TargetPatch,
} from "@boocontrol/shared/routing"
import { Instant } from "@boocontrol/shared/time"
import type { FastifyPluginCallback } from "fastify"
import * as z from "zod/mini"
import type { Clock } from "../platform/clock.ts"
import { describeRoute, parseBody, parseParams, parseQuery } from "../platform/http.ts"
import { explain, resolve, scores } from "./answers.ts"
import type { Catalogue } from "./catalogue.ts"
import type { Deciding } from "./core/decide.ts"
import { policyEditor, refuseBrokenPolicy } from "./edit.ts"
import type { FleetPort, HistoryPort } from "./ports.ts"
import { flowsOf } from "./flows.ts"
import { replay } from "./replay.ts"
import type { DispatchesStore } from "./store/dispatches.ts"
import type { PoliciesStore } from "./store/policies.ts"
import type { TargetsStore } from "./store/targets.ts"
import { virtualModels } from "./virtual-models.ts"

export interface RoutingRoutesOptions {
  catalogue: Catalogue
  policies: PoliciesStore
  targets: TargetsStore
  dispatches: DispatchesStore
  deciding: () => Deciding
  history: HistoryPort
  fleet: FleetPort
  clock: Clock
}

const tags = ["routing"]
// What is wrong with the policy itself is said in its own words, by who knows them.
const PolicyGiven = z.extend(PolicySave, { policy: z.optional(z.unknown()) })
const NameParams = z.object({ name: PolicyName })
const TargetParams = z.object({ id: HostId })
const DispatchEnd = z.object({ ts: Instant, id: z.uuid() })

export function routingRoutes(options: RoutingRoutesOptions): FastifyPluginCallback {
  const { catalogue, policies, targets, dispatches, deciding, fleet } = options
  const edit = policyEditor({ catalogue, policies, view: () => deciding().view })
  const noTarget = (id: string): BooError =>
    new BooError("TARGET_NOT_FOUND", {
      target: id,
      known: catalogue.targets().map(({ target }) => target.target_id),
    })

  return (app, _options, done) => {
    const reads = { tags } as const
    app.get(
      "/routing/scores",
      describeRoute({
        ...reads,
        summary: "Every model with speed, cost, quality and who is best now",
        response: RouteScores,
      }),
      async () => scores(deciding(), virtualModels(catalogue, deciding())),
    )
    app.post(
      "/routing/explain",
      describeRoute({
        ...reads,
        summary: "Where a request would go now and why; nothing is sent",
        body: ExplainRequest,
        response: RouteExplanation,
      }),
      async (request) => {
        refuseBrokenPolicy(request.body)
        return explain(deciding(), parseBody(ExplainRequest, request.body))
      },
    )
    app.post(
      "/routing/resolve",
      describeRoute({
        ...reads,
        summary: "Which model ids still lead somewhere",
        body: ResolveRequest,
        response: ResolveReply,
      }),
      async (request) => resolve(deciding(), parseBody(ResolveRequest, request.body).ids),
    )
    app.post(
      "/routing/replay",
      describeRoute({
        ...reads,
        summary: "Stored requests against a policy that is not saved",
        body: ReplayRequest,
        response: ReplayReply,
      }),
      async (request) => {
        refuseBrokenPolicy(request.body)
        return replay(parseBody(ReplayRequest, request.body), options)
      },
    )
    app.get(
      "/routing/dispatches",
      describeRoute({
        ...reads,
        summary: "What was decided, newest first",
        querystring: DispatchesQuery,
        response: pageOf(RouteDispatch),
      }),
      async (request) => {
        const { cursor, ...query } = parseQuery(DispatchesQuery, request.query)
        const after = cursor === undefined ? null : readCursor(cursor)
        const rows = await dispatches.list({ ...query, limit: query.limit + 1 }, after)
        return pageOfRows(rows, query.limit)
      },
    )
    app.get(
      "/routing/flows",
      describeRoute({
        ...reads,
        summary: "Who sends what where: decisions of the last hour, day or week, added up",
        querystring: FlowsQuery,
        response: RouteFlows,
      }),
      async (request) => flowsOf(parseQuery(FlowsQuery, request.query), options),
    )

    app.get(
      "/routing/policies",
      describeRoute({ ...reads, summary: "Every policy as it is now", response: pageOf(RoutePolicyRow) }),
      async () => ({ rows: catalogue.rows(), next: null }),
    )
    app.get(
      "/routing/policies/:name/versions",
      describeRoute({
        ...reads,
        summary: "Every version of a policy, newest first",
        params: NameParams,
        response: pageOf(RoutePolicyRow),
      }),
      async (request) => ({
        rows: await policies.history(parseParams(NameParams, request.params).name),
        next: null,
      }),
    )
    app.post(
      "/routing/policies/check",
      describeRoute({
        ...reads,
        summary: "Whether a policy is valid, and as which it is understood",
        body: PolicySave,
        response: PolicyCheck,
      }),
      async (request) => edit.check(parseBody(PolicyGiven, request.body)),
    )
    app.post(
      "/routing/policies",
      describeRoute({
        ...reads,
        summary: "A new policy, as JSON or YAML",
        body: PolicySave,
        response: { 201: SavedPolicy },
      }),
      async (request, reply) =>
        reply
          .code(201)
          .send(await edit.create(parseBody(PolicyGiven, request.body), actorName(request.actor))),
    )
    app.put(
      "/routing/policies/:name",
      describeRoute({
        ...reads,
        summary: "A new version of a policy",
        params: NameParams,
        body: PolicySave,
        response: SavedPolicy,
      }),
      async (request) => {
        const { name } = parseParams(NameParams, request.params)
        return edit.change(name, parseBody(PolicyGiven, request.body), actorName(request.actor))
      },
    )
    app.delete(
      "/routing/policies/:name",
      describeRoute({
        ...reads,
        summary: "No such policy any more; its versions stay",
        params: NameParams,
        response: { 204: z.null() },
      }),
      async (request, reply) => {
        await edit.remove(parseParams(NameParams, request.params).name, actorName(request.actor))
        return reply.code(204).send()
      },
    )

    app.get(
      "/routing/targets",
      describeRoute({
        ...reads,
        summary: "Frontier providers, without their credentials",
        response: pageOf(RouteTarget),
      }),
      async () => ({ rows: catalogue.targets().map(({ target }) => target), next: null }),
    )
    app.post(
      "/routing/targets",
      describeRoute({
        ...reads,
        summary: "A new frontier provider",
        body: NewTarget,
        response: { 201: RouteTarget },
      }),
      async (request, reply) => {
        const wanted = parseBody(NewTarget, request.body)
        const isHost = fleet.hosts().some(({ provider_id: id }) => id === wanted.target_id)
        const row = isHost ? null : await targets.insert(wanted)
        if (!row)
          throw new BooError("TARGET_EXISTS", {
            target: wanted.target_id,
            what: isHost ? "a host" : "a target",
          })
        await catalogue.load()
        return reply.code(201).send(row)
      },
    )
    app.patch(
      "/routing/targets/:id",
      describeRoute({
        ...reads,
        summary: "Change a frontier provider",
        params: TargetParams,
        body: TargetPatch,
        response: RouteTarget,
      }),
      async (request) => {
        const { id } = parseParams(TargetParams, request.params)
        const row = await targets.patch(id, parseBody(TargetPatch, request.body))
        if (!row) throw noTarget(id)
        await catalogue.load()
        return row
      },
    )
    app.delete(
      "/routing/targets/:id",
      describeRoute({
        ...reads,
        summary: "Forget a frontier provider and its credential",
        params: TargetParams,
        response: { 204: z.null() },
      }),
      async (request, reply) => {
        const { id } = parseParams(TargetParams, request.params)
        if (!(await targets.remove(id))) throw noTarget(id)
        await catalogue.load()
        return reply.code(204).send()
      },
    )
    done()
  }
}

function pageOfRows(rows: RouteDispatch[], limit: number): { rows: RouteDispatch[]; next: string | null } {
  const page = rows.slice(0, limit)
  const last = page.at(-1)
  if (!last || rows.length <= limit) return { rows: page, next: null }
  return { rows: page, next: Buffer.from(JSON.stringify({ ts: last.ts, id: last.id })).toString("base64url") }
}

function readCursor(cursor: string): z.infer<typeof DispatchEnd> {
  try {
    return DispatchEnd.parse(JSON.parse(Buffer.from(cursor, "base64url").toString("utf8")))
  } catch (error) {
    throw new BooError("BAD_CURSOR", {}, error)
  }
}

function actorName(actor: { kind: string; name?: string } | null): string | null {
  return actor?.name ?? actor?.kind ?? null
}

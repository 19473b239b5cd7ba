import type { FastifyInstance } from "fastify"
import * as z from "zod/mini"
import { BooError } from "@boocontrol/shared/errors"
import { FleetSnapshot, ModelPref, ModelRow } from "@boocontrol/shared/fleet"
import { ModelEventsQuery, PageQuery, pageOf } from "@boocontrol/shared/http"
import type { Page } from "@boocontrol/shared/http"
import { HostId } from "@boocontrol/shared/ids"
import { ModelEventRow } from "@boocontrol/shared/models"
import type { Clock } from "../platform/clock.ts"
import { describeRoute, parseBody, parseQuery } from "../platform/http.ts"
import type { Board } from "./board.ts"
import type { Preference, Preferences } from "./shown-models.ts"
import type { ModelEventsStore } from "./store/model-events.ts"
import type { PreferencesStore } from "./store/preferences.ts"

const tags = ["fleet"]

const ModelsQuery = z.strictObject({ provider_id: z.optional(HostId), ...PageQuery.shape })
type ModelsQuery = z.infer<typeof ModelsQuery>
const SavedPref = z.object({
  provider_id: HostId,
  model: z.string(),
  favorite: z.boolean(),
  hidden: z.boolean(),
})

export interface FleetRoutesOptions {
  board: Board
  events: ModelEventsStore
  preferences: PreferencesStore
  preferred: (host: HostId, prefs: Preferences) => void
  clock: Clock
}

export function fleetRoutes({ board, events, preferences, preferred, clock }: FleetRoutesOptions) {
  return async (app: FastifyInstance): Promise<void> => {
    app.get(
      "/fleet",
      describeRoute({
        summary: "Live state of every host, as the WebSocket snapshot",
        tags,
        response: FleetSnapshot,
      }),
      async () => board.snapshot(clock.now()),
    )

    app.get(
      "/models",
      describeRoute({
        summary: "Every model of every host, by host and id",
        ...{ tags, querystring: ModelsQuery, response: pageOf(ModelRow) },
      }),
      async (request) => modelsPage(board, parseQuery(ModelsQuery, request.query)),
    )

    app.put(
      "/models/prefs",
      describeRoute({
        summary: "Mark a model as favourite, or hide it; what is not given stays as it is",
        ...{ tags, body: ModelPref, response: SavedPref },
      }),
      async (request) => {
        const pref = parseBody(ModelPref, request.body)
        mustExist(board, pref)
        const saved = await preferences.save(pref)
        preferred(pref.provider_id, withPreference(board, pref, saved))
        return { provider_id: pref.provider_id, model: pref.model, ...saved }
      },
    )

    app.get(
      "/model-events",
      describeRoute({
        summary: "Transitions of models and notes of hosts (model *), newest first",
        ...{ tags, querystring: ModelEventsQuery, response: pageOf(ModelEventRow) },
      }),
      async (request) => events.page(parseQuery(ModelEventsQuery, request.query)),
    )
  }
}

function mustExist(board: Board, { provider_id: id, model }: ModelPref): void {
  const host = board.get(id)
  if (!host) throw new BooError("HOST_NOT_FOUND", { host: id, known: board.ids() })
  const isKnown = host.prefs.has(model) || host.reported.some((reading) => reading.id === model)
  if (isKnown) return
  const known = host.reported.map((reading) => reading.id)
  throw new BooError("MODEL_NOT_FOUND", { host: id, model, known })
}

function withPreference(board: Board, { provider_id: id, model }: ModelPref, saved: Preference): Preferences {
  return new Map(board.get(id)?.prefs ?? []).set(model, saved)
}

function modelsPage(board: Board, { provider_id, limit, cursor }: ModelsQuery): Page<ModelRow> {
  const hosts = [...board.hosts()].filter((host) => !provider_id || host.shown.provider_id === provider_id)
  const rows = hosts
    .flatMap(({ shown }) =>
      shown.models.map((model) => ({
        ...model,
        provider_id: shown.provider_id,
        last_seen_at: shown.last_seen_at,
      })),
    )
    .sort((a, b) => (placeOf(a) < placeOf(b) ? -1 : 1))
  const after = cursor === undefined ? null : Buffer.from(cursor, "base64url").toString("utf8")
  const rest = after === null ? rows : rows.filter((row) => placeOf(row) > after)
  const page = rest.slice(0, limit)
  const last = rest.length > limit ? page.at(-1) : undefined
  return { rows: page, next: last ? Buffer.from(placeOf(last)).toString("base64url") : null }
}

function placeOf(row: ModelRow): string {
  return `${row.provider_id} ${row.id}`
}

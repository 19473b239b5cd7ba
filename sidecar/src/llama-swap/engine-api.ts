import type * as z from "zod/mini"
import type { StoredRow } from "../activity/ports.ts"
import type { EngineHttp } from "./http.ts"
import { jsonOf } from "./messages.ts"
import { engineKindOf, storedRowOf } from "./normalise.ts"
import type { EngineKind } from "./normalise.ts"
import type { Rejects } from "./rejects.ts"
import type { RowAccess } from "./rows.ts"
import { ModelsReply, Row, Running } from "./shapes.ts"

/** Reading calls with parsed answers. What cannot be parsed is counted and rejects the call. */
export interface EngineApi extends RowAccess {
  /** Also learns which program serves which model, which tells what its token figures mean. */
  running(): Promise<Running>
  /** Context lengths by model, as configured. */
  contextLengths(): Promise<Map<string, number>>
}

export function createEngineApi(http: EngineHttp, rejects: Rejects): EngineApi {
  const kinds = new Map<string, EngineKind>()

  async function get<T extends z.ZodMiniType>(path: string, schema: T): Promise<z.infer<T>> {
    const reply = await http.call(path)
    if (reply.status !== 200) throw new Error(`${path} is answered with ${reply.status}`)
    const parsed = schema.safeParse(jsonOf(reply.body))
    if (parsed.success) return parsed.data
    const where = path.replace(/\?.*$/, "")
    rejects.add(
      "reply",
      `${where} does not look as expected: ${parsed.error.issues[0]?.path.join(".") ?? ""}`,
    )
    throw new Error(`${where} gives an answer that cannot be read`)
  }

  function parse(rows: readonly unknown[]): StoredRow[] {
    return rows.flatMap((value) => {
      const row = Row.safeParse(value)
      const stored = row.success ? storedRowOf(row.data, kinds.get(row.data.model) ?? null) : null
      if (stored === null) rejects.add("shape", "a request row does not look as expected")
      return stored ?? []
    })
  }

  return {
    get,
    parse,
    async running() {
      const reply = await get("/running", Running)
      for (const { model, cmd } of reply.running ?? []) if (cmd) kinds.set(model, engineKindOf(cmd))
      return reply
    },
    async contextLengths() {
      const reply = await get("/v1/models", ModelsReply)
      return new Map(
        (reply.data ?? []).flatMap(({ id, context_length, meta }): [string, number][] => {
          const length = context_length ?? meta?.n_ctx ?? 0
          return length > 0 ? [[id, Math.round(length)]] : []
        }),
      )
    },
  }
}

import type { InflightRequest } from "@boocontrol/shared/activity"
import type { ModelActionDone } from "@boocontrol/shared/commands"
import { BooError } from "@boocontrol/shared/errors"
import type { EngineStatus } from "@boocontrol/shared/hosts"
import type { HostId } from "@boocontrol/shared/ids"
import type { ModelReading } from "@boocontrol/shared/models"
import { instantOf } from "@boocontrol/shared/time"
import type { Commands } from "../commands/index.ts"
import type { Clock } from "../platform/clock.ts"
import type { EngineActions } from "../ports.ts"
import { loadKindOf } from "./core.ts"

export interface ActionsOptions {
  host: HostId
  clock: Clock
  version: string
  engine: {
    actions: EngineActions
    status(): EngineStatus
  }
  models(): readonly ModelReading[]
  /** What is in flight now; null where that is not known. */
  inflight(): readonly InflightRequest[] | null
}

/** What the hub may have done to this host's engine. The order in which things are asked is the hub's to keep. */
export function registerActions(commands: Pick<Commands, "on">, options: ActionsOptions): void {
  const { host, clock, engine, version } = options
  const timed = async (work: () => Promise<string | null>): Promise<ModelActionDone> => {
    const startedMs = clock.now()
    const state = await work()
    return { state, took_ms: Math.max(0, clock.now() - startedMs) }
  }

  commands.on("warm", ({ model }, { signal }) =>
    timed(async () => {
      const reading = options.models().find(({ id }) => id === model)
      await engine.actions.load(model, { kind: loadKindOf(model, reading?.capabilities ?? []), signal })
      return "ready"
    }),
  )
  commands.on("unload", ({ model }) =>
    timed(async () => {
      await engine.actions.unload(model)
      return "stopped"
    }),
  )
  commands.on("unload_all", () =>
    timed(async () => {
      await engine.actions.unloadAll()
      return "stopped"
    }),
  )
  commands.on("profile", ({ profile }) =>
    timed(async () => {
      const known = await engine.actions.switchProfile(profile)
      if (known !== null) throw new BooError("PROFILE_NOT_FOUND", { host, profile, known })
      return null
    }),
  )
  commands.on("cancel", async ({ inflight_id, started_at }) => {
    const isThere = options
      .inflight()
      ?.some((request) => request.id === inflight_id && request.started_at === started_at)
    if (isThere !== true || !(await engine.actions.cancel(inflight_id)))
      throw new BooError("REQUEST_NOT_IN_FLIGHT", { host, inflight_id, started_at })
  })
  commands.on("probe", () =>
    Promise.resolve({ sidecar_version: version, now: instantOf(clock.now()), engine: engine.status() }),
  )
}

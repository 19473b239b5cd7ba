import { EMPTY_FLEET, applyFleetFrame, disconnectFleet } from "@boocontrol/shared/fleet-sync"
import type { FleetCopy } from "@boocontrol/shared/fleet-sync"
import type { FleetHost, FleetModel } from "@boocontrol/shared/fleet"
import type { FleetFrame } from "@boocontrol/shared/frames"
import type { HostId } from "@boocontrol/shared/ids"
import { defineStore } from "pinia"
import { computed, shallowRef } from "vue"
import { useApi } from "../platform/api.ts"
import { useClock } from "../platform/clock.ts"
import { useToasts } from "../platform/toasts.ts"

export type PrefName = "favorite" | "hidden"
type PrefKey = `${PrefName} ${HostId} ${string}`

// The hub answers at once or not at all; after this the mark stops saying "waiting".
const PREF_TIMEOUT_MS = 8000

/** The fleet as the hub says it, and what was asked of it and has not come back yet. */
export const useFleet = defineStore("fleet", () => {
  const api = useApi()
  const clock = useClock()
  const toasts = useToasts()
  const copy = shallowRef<FleetCopy>(EMPTY_FLEET)
  const asked = shallowRef<ReadonlyMap<PrefKey, boolean>>(new Map())

  const listeners = new Set<(host: FleetHost) => void>()

  const hosts = computed<readonly FleetHost[]>(() => [...copy.value.hosts.values()])
  /** Changes only when hosts come or go, so that a list of cards is not walked for every delta. */
  const hostIds = computed<readonly HostId[]>((before) => {
    const ids = [...copy.value.hosts.keys()].sort()
    return before && before.length === ids.length && ids.every((id, index) => id === before[index])
      ? before
      : ids
  })
  const loaded = computed(() => copy.value.hubId !== null)

  /** Returns the hosts whose state has a hole and must be asked for again. */
  function apply(frame: FleetFrame): readonly HostId[] {
    const step = applyFleetFrame(copy.value, frame)
    copy.value = step.copy
    if (asked.value.size > 0) settlePrefs()
    if (frame.kind === "delta") {
      const changed = copy.value.hosts.get(frame.provider_id)
      if (changed) for (const listener of listeners) listener(changed)
    }
    return step.resync
  }

  /** For what follows something through the frames. */
  function onHost(listener: (host: FleetHost) => void): void {
    listeners.add(listener)
  }

  function lost(): void {
    copy.value = disconnectFleet(copy.value)
  }

  function host(id: HostId): FleetHost | null {
    return copy.value.hosts.get(id) ?? null
  }

  /** What was asked for this mark and has not been confirmed by a frame; null: nothing. */
  function askedPref(id: HostId, model: string, name: PrefName): boolean | null {
    return asked.value.get(`${name} ${id} ${model}`) ?? null
  }

  async function askPref(id: HostId, model: FleetModel, name: PrefName): Promise<void> {
    const key: PrefKey = `${name} ${id} ${model.id}`
    if (asked.value.has(key)) return
    const wanted = !model[name]
    asked.value = new Map(asked.value).set(key, wanted)
    try {
      await api.put("models/prefs", { provider_id: id, model: model.id, [name]: wanted })
      clock.after(PREF_TIMEOUT_MS, () => {
        if (asked.value.has(key))
          toasts.show(prefTitle(model.id, name), "Asked, but the hub has not confirmed it")
        forget(key)
      })
    } catch (error) {
      forget(key)
      toasts.fail(prefTitle(model.id, name), error)
    }
  }

  function settlePrefs(): void {
    for (const [key, wanted] of asked.value) {
      const [name, id, model] = splitKey(key)
      const known = [...copy.value.hosts.values()]
        .find((candidate) => candidate.provider_id === id)
        ?.models.find((candidate) => candidate.id === model)
      if (!known || known[name] === wanted) forget(key)
    }
  }

  function forget(key: PrefKey): void {
    const rest = new Map(asked.value)
    rest.delete(key)
    asked.value = rest
  }

  return { copy, hosts, hostIds, loaded, apply, lost, host, onHost, askedPref, askPref }
})

function prefTitle(model: string, name: PrefName): string {
  return name === "favorite" ? `The star of ${model} was not changed` : `Hiding ${model} did not work`
}

/** A host id holds no space, a model id may. */
function splitKey(key: PrefKey): [PrefName, string, string] {
  const [name, id, ...model] = key.split(" ")
  return [name === "hidden" ? "hidden" : "favorite", id ?? "", model.join(" ")]
}

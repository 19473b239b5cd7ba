import type { ActionRequest } from "@boocontrol/shared/actions"
import { BooError } from "@boocontrol/shared/errors"
import type { FleetHost, FleetModel } from "@boocontrol/shared/fleet"
import type { HostId } from "@boocontrol/shared/ids"
import { unreachable } from "@boocontrol/shared/unreachable"

/**
 * An action, from asking to its outcome. What is not `cancel` queues behind the others of its host.
 *
 * | state   | entered when                                  | leaves when                                          |
 * | ---     | ---                                           | ---                                                  |
 * | waiting | it passed the checks below and there was room | its turn -> running                                  |
 * | running | a hub has it and keeps that up                | not possible or not needed now -> skipped; its host  |
 * |         |                                               | says how it ended -> done, failed; its hub is gone:  |
 * |         |                                               | another hub asks the host what became of it          |
 */
export interface Holder {
  readonly lease_id: string
  readonly mode: "exclusive" | "shared"
  readonly holder: string
  readonly purpose: string
  readonly expires_at: string
}

/** 1. What is named exists. Gives the request with the model's own id in place of an alias. */
export function resolve(host: FleetHost, request: ActionRequest): ActionRequest {
  switch (request.action) {
    case "warm":
    case "unload": {
      const own = host.models.filter(({ peer }) => peer === null)
      const { model: name } = request
      const found = own.find(({ id }) => id === name) ?? own.find(({ aliases }) => aliases.includes(name))
      if (!found) {
        const known = own.map(({ id }) => id)
        throw new BooError("MODEL_NOT_FOUND", { host: host.provider_id, model: name, known })
      }
      return { ...request, model: found.id }
    }
    case "cancel": {
      const { inflight_id, started_at } = request
      const isThere =
        host.inflight === null ||
        host.inflight.some((entry) => entry.id === inflight_id && entry.started_at === started_at)
      if (!isThere)
        throw new BooError("REQUEST_NOT_IN_FLIGHT", { host: host.provider_id, inflight_id, started_at })
      return request
    }
    case "unload_all":
    case "profile":
      return request
    default:
      return unreachable(request)
  }
}

/** 2. The engine can be asked. */
export function mustBeConnected({ provider_id: host, liveness }: FleetHost): void {
  if (liveness !== "connected") throw new BooError("HOST_OFFLINE", { host, liveness })
}

/**
 * 3. Nobody holds the host who would be disturbed: an exclusive holder by anything but the end of a request that is
 * in its way, those who share it by whatever unloads or swaps a model. Whoever acts under that lease disturbs nobody.
 */
export function whoIsDisturbed(
  host: FleetHost,
  request: ActionRequest,
  { holder, actingUnder }: { holder: Holder | null; actingUnder: string | null },
): Holder | null {
  if (holder === null || holder.lease_id === actingUnder || request.action === "cancel") return null
  if (holder.mode === "exclusive") return holder
  return request.action === "warm" && modelOf(host, request.model)?.state === "ready" ? null : holder
}

/** Why an action is not done at its turn; null: it is to be done. */
export function whyNot(
  host: FleetHost | null,
  request: ActionRequest,
  who: { holder: Holder | null; actingUnder: string | null },
): string | null {
  if (host === null) return "the host is not registered any more"
  if (host.liveness !== "connected") return `host offline: it is ${host.liveness}`
  const disturbed = whoIsDisturbed(host, request, who)
  if (disturbed) return `the host is held by ${disturbed.holder}: ${disturbed.purpose}`
  switch (request.action) {
    case "warm": {
      const model = modelOf(host, request.model)
      if (!model) return "the host has no such model any more"
      return model.state === "ready" ? "it is ready already" : null
    }
    case "unload": {
      const model = modelOf(host, request.model)
      if (!model) return "the host has no such model any more"
      return isUnloaded(model) ? "it is not loaded" : null
    }
    case "unload_all":
      return host.models.every(isUnloaded) ? "nothing is loaded" : null
    case "profile":
    case "cancel":
      return null
    default:
      return unreachable(request)
  }
}

function modelOf(host: FleetHost, id: string): FleetModel | undefined {
  return host.models.find((model) => model.id === id)
}

/** A state that is not known is no reason to leave anything undone. */
function isUnloaded({ state }: FleetModel): boolean {
  return state === "stopped" || state === "error"
}

/** Longest that an outcome is waited for. A large model from a slow disk takes minutes; an unload has its own end. */
const WAIT_MS: Record<ActionRequest["action"], number> = {
  warm: 20 * 60_000,
  unload: 3 * 60_000,
  unload_all: 3 * 60_000,
  profile: 60_000,
  cancel: 15_000,
}
export function waitOf(request: ActionRequest): number {
  return WAIT_MS[request.action]
}

export function inProgress(host: HostId, { holder, purpose, expires_at }: Holder): BooError {
  return new BooError("BENCH_IN_PROGRESS", { host, holder, purpose, expires_at })
}

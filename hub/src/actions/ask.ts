import { randomUUID } from "node:crypto"
import { QUEUE_DEPTH } from "@boocontrol/shared/actions"
import type { ActionAccepted, ActionRequest } from "@boocontrol/shared/actions"
import { CommandId } from "@boocontrol/shared/commands"
import { BooError } from "@boocontrol/shared/errors"
import type { HostId } from "@boocontrol/shared/ids"
import type { LeaseRef } from "@boocontrol/shared/leases"
import { inProgress, mustBeConnected, resolve, whoIsDisturbed } from "./core.ts"
import type { ActedHostsPort, ActedLeasesPort } from "./ports.ts"
import type { ActionsRun } from "./run.ts"
import type { ActedUnder, ActionsStore } from "./store.ts"

const NOBODY: ActedUnder = { lease_id: null, fencing_token: null }

export interface Asking {
  host: HostId
  request: ActionRequest
  actor: string
  /** The lease it is asked under. */
  ref: LeaseRef | null
  /** Take the host over from whoever holds it. */
  confirm: boolean
}

export type Ask = (asking: Asking) => Promise<ActionAccepted>

export interface AskOptions {
  store: ActionsStore
  hosts: ActedHostsPort
  leases: ActedLeasesPort
  run: ActionsRun
  /** A cancellation that fails after it was accepted. */
  onFailed: (error: unknown) => void
}

/**
 * 1. What is named exists: else 404, naming what does.
 * 2. The host can be asked: else 409.
 * 3. The lease it is asked under is in force, and nobody else's is in the way: else 409, who would be disturbed.
 * 4. There is room in the queue: else 429, with what waits there.
 * 5. With `confirm`, and only now, who is in the way is put out; then it is done in its turn.
 */
export function asker({ store, hosts, leases, run, onFailed }: AskOptions): Ask {
  const takeOver = async (
    asking: Asking,
    holder: NonNullable<Awaited<ReturnType<typeof leases.holderOf>>>,
  ) => {
    const { host, actor, request } = asking
    const { ids, fencing_token } = await leases.revoke(host, actor)
    const { holder: name, purpose } = holder
    const detail = { ...request, revoked: ids, holder: name, purpose, fencing_token }
    await store.audit({ actor, action: "lease.takeover", host, detail })
    return fencing_token
  }

  const full = async (host: HostId): Promise<BooError> => {
    const queue = await store.queue(host)
    return new BooError("QUEUE_FULL", { host, depth: QUEUE_DEPTH, queue })
  }

  return async (asking) => {
    const { host, actor, ref, confirm } = asking
    // 1
    const found = hosts.find(host)
    if (!found) throw new BooError("HOST_NOT_FOUND", { host, known: hosts.ids() })
    const request = resolve(found, asking.request)
    // 2
    mustBeConnected(found)
    // 3
    const lease = ref === null ? null : await leases.check(ref)
    const own = lease?.provider_id === host ? lease : null
    const holder = await leases.holderOf(host)
    const disturbed = whoIsDisturbed(found, request, { holder, actingUnder: own?.lease_id ?? null })
    if (disturbed && !confirm) throw inProgress(host, disturbed)
    const id = CommandId.parse(randomUUID())
    if (request.action === "cancel") {
      const begun = await store.begin({ id, host, request, actor, under: NOBODY })
      run.perform(begun, false).catch(onFailed)
      return { action_id: id, position: 0 }
    }
    // 4
    if (disturbed && (await store.queue(host)).length > QUEUE_DEPTH) throw await full(host)
    // 5
    const token = disturbed && holder ? await takeOver(asking, holder) : (own?.fencing_token ?? null)
    const under: ActedUnder = { lease_id: own?.lease_id ?? null, fencing_token: token }
    const position = await store.enqueue({ id, host, request, actor, under })
    if (position === null) throw await full(host)
    return { action_id: id, position }
  }
}

import type { HostAction } from "@boocontrol/shared/actions"
import type { CommandArgs, CommandId } from "@boocontrol/shared/commands"
import type { FleetHost } from "@boocontrol/shared/fleet"
import type { HostId } from "@boocontrol/shared/ids"
import type { LeaseRef, LeaseRow } from "@boocontrol/shared/leases"
import type { ActionKind } from "@boocontrol/shared/actions"

/** Live state of hosts, from memory, and where their queue is shown. */
export interface ActedHostsPort {
  ids(): readonly HostId[]
  find(host: HostId): FleetHost | null
  acted(host: HostId, actions: readonly HostAction[]): void
}

/** The one who has a host, if anybody. */
export interface ActedLeasesPort {
  holderOf(host: HostId): Promise<{
    readonly lease_id: string
    readonly mode: "exclusive" | "shared"
    readonly holder: string
    readonly purpose: string
    readonly expires_at: LeaseRow["expires_at"]
    readonly fencing_token: number
  } | null>
  /** Throws where it is not in force, or its token another. */
  check(ref: LeaseRef): Promise<LeaseRow>
  revoke(host: HostId, by: string): Promise<{ ids: readonly string[]; fencing_token: number }>
}

export interface CommandOutcome {
  readonly ok: boolean
  readonly id: CommandId
  readonly data?: unknown
  readonly refusal?: { readonly code: string; readonly message: string }
}

/** The road to a host. */
export interface ActedCommandsPort {
  run<V extends ActionKind>(
    host: HostId,
    verb: V,
    command: {
      args: CommandArgs[V]
      id: CommandId
      waitMs: number
      lease?: { lease_id: string; fencing_token: number } | null
    },
  ): Promise<CommandOutcome>
}

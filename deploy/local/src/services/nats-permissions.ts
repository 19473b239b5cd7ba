import type { Permissions } from "@nats-io/jwt"
import { HostId } from "../../../../shared/src/ids.ts"
import { inboxPrefixOf, subjects } from "../../../../shared/src/subjects.ts"

// A reply must come while the asker still waits; longer would leave a host a door into the hub's inbox.
const REPLY_WITHIN_NS = 60 * 1_000_000_000

/** The inbox prefix that a connection with the tool credentials has to use, as each host uses its own. */
export const TOOL_INBOX_PREFIX = "_INBOX_tool"

export function hubPermissions(): Permissions {
  return { pub: { allow: [">"] }, sub: { allow: [">"] } }
}

/** Speaks for itself alone, hears its own commands alone, and may answer each once. */
export function hostPermissions(hostId: string): Permissions {
  const host = HostId.parse(hostId)
  return {
    pub: { allow: [subjects.eventsOf(host), subjects.asksOf(host)] },
    sub: { allow: [subjects.commandsOf(host), `${inboxPrefixOf(host)}.>`] },
    resp: { max: 1, ttl: REPLY_WITHIN_NS },
  }
}

/** Watches and asks; never commands: a written configuration is code execution. */
export function toolPermissions(): Permissions {
  return {
    pub: { allow: [subjects.allRpc, "$SRV.>"] },
    sub: { allow: [subjects.allEvents, subjects.allHub, `${TOOL_INBOX_PREFIX}.>`] },
  }
}

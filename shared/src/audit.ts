import * as z from "zod/mini"
import { HostId } from "./ids.ts"
import { PageQuery } from "./http.ts"
import { Instant } from "./time.ts"

/** Query of `GET /audit`. */
export const AuditQuery = z.strictObject({ provider_id: z.optional(HostId), ...PageQuery.shape })
export type AuditQuery = z.infer<typeof AuditQuery>

/** A row of `audit_log`: what somebody did that another will ask about. */
export const AuditRow = z.object({
  id: z.int(),
  at: Instant,
  actor: z.string(),
  action: z.string(),
  provider_id: z.nullable(HostId),
  detail: z.record(z.string(), z.unknown()),
})
export type AuditRow = z.infer<typeof AuditRow>

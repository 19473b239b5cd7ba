import * as z from "zod/mini"

/** Host id, also called provider id: a slug that names one GPU host in subjects, tables and routes. */
export const HostId = z
  .string()
  .check(z.regex(/^[a-z0-9-]{1,40}$/))
  .brand<"HostId">()
export type HostId = z.infer<typeof HostId>

/** A model id as the engine spells it; may hold slashes and colons. */
export const ModelId = z.string().check(z.minLength(1), z.maxLength(300)).brand<"ModelId">()
export type ModelId = z.infer<typeof ModelId>

/** One installation of a sidecar: a UUID kept in its spool folder. */
export const InstanceId = z.uuid().brand<"InstanceId">()
export type InstanceId = z.infer<typeof InstanceId>

/** One life of a sidecar process. Records replayed from the spool keep the boot they were made in. */
export const BootId = z.uuid().brand<"BootId">()
export type BootId = z.infer<typeof BootId>

/** Names one activity store of an engine, not a process: see `ObservedRequest`. */
export const SwapEpoch = z.uuid().brand<"SwapEpoch">()
export type SwapEpoch = z.infer<typeof SwapEpoch>

/** A stored request row: UUIDv7 of the request's own time, so that ids sort like times. */
export const RequestId = z.uuid().brand<"RequestId">()
export type RequestId = z.infer<typeof RequestId>

/** One hub process. A `seq` is only comparable within one hub id. */
export const HubId = z.uuid().brand<"HubId">()
export type HubId = z.infer<typeof HubId>

export const JobId = z.uuid().brand<"JobId">()
export type JobId = z.infer<typeof JobId>

/** The label of who asked (`X-Boo-Source`). */
export const SourceLabel = z
  .string()
  .check(z.regex(/^[a-z0-9-]{1,40}$/, "Invalid label: a-z, 0-9 and -, 40 characters at most"))
export type SourceLabel = z.infer<typeof SourceLabel>

/**
 * Makes a valid host id of any machine name: lower case, everything else a dash, 40 characters at most.
 * Returns null where nothing usable is left.
 */
export function slugOfHostname(name: string): HostId | null {
  const slug = name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .slice(0, 40)
    .replaceAll(/^-+|-+$/g, "")
  const parsed = HostId.safeParse(slug)
  return parsed.success ? parsed.data : null
}

import type { Health } from "@boocontrol/shared/http"

/** What the hub itself cannot reach, and what becomes of history meanwhile; null: nothing. */
export function missingParts({ db, nats }: Pick<Health, "db" | "nats">): string | null {
  if (!db && !nats)
    return "The hub reaches neither NATS nor Postgres: hosts are not heard, and keep on their disks what happens"
  if (!nats)
    return "The hub does not reach NATS: hosts are not heard, though they may be well, and keep on their disks what happens"
  if (!db)
    return "The hub does not reach Postgres: history cannot be read, and what happens waits in NATS and on the hosts"
  return null
}

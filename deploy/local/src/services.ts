import type { Reach } from "./environments.ts"
import type { ExitStatus } from "./processes/child.ts"
import type { Guard } from "./processes/guard.ts"
import { startNats } from "./services/nats.ts"
import type { RunningNats } from "./services/nats.ts"
import { findNatsServer } from "./services/nats-binary.ts"
import { startPostgres } from "./services/postgres.ts"
import type { RunningService } from "./services/postgres.ts"
import type { Settings } from "./settings.ts"

export interface Services {
  reach: Reach
  hubCreds: string | null
  hostCreds(hostId: string): Promise<string | null>
  /** The end of one of our own servers, without which nothing can go on. */
  lost: Promise<{ name: string; status: ExitStatus }>
  stop(): Promise<void>
}

/** Starts the servers that nobody gave us an address of, side by side. */
export async function startServices(
  settings: Settings,
  guard: Guard,
  say: (line: string) => void,
): Promise<Services> {
  const { dataDir, databaseUrl, natsUrl, natsCreds } = settings
  const own = [databaseUrl === null ? "Postgres" : null, natsUrl === null ? "nats-server" : null]
  const names = own.filter((name) => name !== null)
  if (names.length > 0) say(`starting ${names.join(" and ")}`)
  const [database, nats] = await Promise.all([
    databaseUrl === null ? startPostgres({ dataDir, guard }) : null,
    natsUrl === null ? startOwnNats(settings, guard, say) : null,
  ])
  return {
    reach: { databaseUrl: databaseUrl ?? database?.url ?? "", natsUrl: natsUrl ?? nats?.url ?? "" },
    hubCreds: nats?.auth.hubCreds ?? natsCreds,
    hostCreds: async (hostId) => nats?.auth.hostCredentials(hostId) ?? natsCreds,
    lost: Promise.race([database, nats].filter((service) => service !== null).map(ended)),
    stop: async () => {
      await nats?.child.stop()
      await database?.child.stop()
    },
  }
}

async function startOwnNats(
  settings: Settings,
  guard: Guard,
  say: (line: string) => void,
): Promise<RunningNats> {
  const { dataDir, natsListen } = settings
  const binary = await findNatsServer({ dataDir, onProgress: say })
  return startNats({ dataDir, guard, binary, listen: natsListen })
}

async function ended({ child }: RunningService): Promise<{ name: string; status: ExitStatus }> {
  return { name: child.name, status: await child.exited }
}

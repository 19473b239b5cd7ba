import { parseDemoLine } from "./demo-host.ts"
import type { DemoHost } from "./demo-host.ts"
import { messageOf } from "./failure.ts"
import { STAGE } from "./processes/child.ts"
import type { Child } from "./processes/child.ts"
import { supervise } from "./supervise.ts"
import type { Supervised } from "./supervise.ts"

export interface DemoOptions {
  /** How many hosts; null: what the demo fleet has. */
  hosts: number | null
  command: readonly string[]
  env: Readonly<Record<string, string>>
  say: (line: string) => void
  startOwn: (own: OwnProgram) => Child
  /** Starts a sidecar for one simulated host, when the time has come; null when it never does. */
  startSidecar: (host: DemoHost) => Promise<Supervised | null>
}

export interface OwnProgram {
  name: string
  command: readonly string[]
  env: Readonly<Record<string, string>>
  stage: number
  onLine?: (line: string) => void
}

/** The demo fleet and a sidecar for each of its hosts; a fleet that crashed comes back with new ones. */
export function startDemo(options: DemoOptions): Supervised {
  const sidecars: Promise<Supervised | null>[] = []
  const addSidecar = (host: DemoHost): void => {
    const started = options.startSidecar(host).catch((error: unknown) => {
      options.say(`no sidecar for ${host.host_id}: ${messageOf(error)}`)
      return null
    })
    sidecars.push(started)
  }
  const stopSidecars = async (): Promise<void> => {
    await Promise.allSettled(sidecars.splice(0).map(async (sidecar) => (await sidecar)?.stop()))
  }
  const fleet = supervise({
    name: "the demo fleet",
    say: options.say,
    onEnd: () => {
      void stopSidecars()
      return "restart"
    },
    start: () =>
      options.startOwn({
        name: "demo",
        command: [...options.command, ...(options.hosts === null ? [] : [`--hosts=${options.hosts}`])],
        env: options.env,
        stage: STAGE.demo,
        onLine: (text) => {
          const line = parseDemoLine(text)
          if (line === "ready") options.say(`demo fleet: ${sidecars.length} simulated hosts`)
          else if (line !== null) addSidecar(line)
        },
      }),
  })
  return {
    stop: async () => {
      await stopSidecars()
      await fleet.stop()
    },
  }
}

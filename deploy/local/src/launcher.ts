import { hostname } from "node:os"
import { join } from "node:path"
import type { Commands } from "./commands.ts"
import { startDemo } from "./demo.ts"
import type { OwnProgram } from "./demo.ts"
import {
  demoEnvironment,
  demoSidecarEnvironment,
  hubEnvironment,
  sidecarEnvironment,
} from "./environments.ts"
import { StartFailure } from "./failure.ts"
import { answersAsLlamaSwap, untilHealthy } from "./health.ts"
import { describeExit, STAGE, startChild } from "./processes/child.ts"
import type { Child } from "./processes/child.ts"
import type { Guard } from "./processes/guard.ts"
import { openLogFile } from "./processes/log-file.ts"
import { startServices } from "./services.ts"
import type { Services } from "./services.ts"
import { hostIdOf } from "./settings.ts"
import type { Settings } from "./settings.ts"
import { supervise } from "./supervise.ts"
import type { Supervised } from "./supervise.ts"
import { surfaced } from "./surfaced.ts"

export interface LauncherOptions {
  settings: Settings
  commands: Commands
  guard: Guard
  say: (line: string) => void
}

export interface Launcher {
  /** Resolves with the address once the hub answers; rejects with a StartFailure. */
  start(): Promise<string>
  /** Why everything has to stop although nobody asked. */
  readonly broken: Promise<string>
  /** Stops all in order; may be called at any time, also in the middle of a start. */
  stop(): Promise<void>
}

// A hub that first has to migrate a large database takes its time; without an end, a hang would never be reported.
const READY_LIMIT_MS = 180_000

/** Everything that one `npm start` runs, in the order of their need: servers, hub, sidecars. */
export function createLauncher({ settings, commands, guard, say }: LauncherOptions): Launcher {
  const { promise: broken, resolve: breakDown } = Promise.withResolvers<string>()
  const stopped = new AbortController()
  /** What runs, by stage: the order of stopping is the reverse of the need. */
  const running: { stage: number; stop: () => Promise<void> }[] = []
  const keep = (stage: number, supervised: Supervised): Supervised => {
    running.push({ stage, stop: () => supervised.stop() })
    return supervised
  }

  const startOwn = ({ name, command: [file = "", ...args], env, stage, onLine }: OwnProgram): Child =>
    startChild({
      ...{ name, file, args, stage, guard },
      env,
      log: openLogFile(join(settings.dataDir, "logs", `${name}.log`)),
      onLine: (line, stream) => {
        onLine?.(line)
        const text = surfaced(line, stream)
        if (text !== null) say(`${name}: ${text}`)
      },
    })

  const startHub = async (services: Services): Promise<string> => {
    say("starting the hub")
    const { promise: failed, reject: fail } = Promise.withResolvers<never>()
    let isReady = false
    const env = hubEnvironment(settings, services.reach, services.hubCreds)
    const hub = supervise({
      name: "hub",
      say,
      start: () => startOwn({ name: "hub", command: commands.hub, env, stage: STAGE.hub }),
      onEnd: (status) => {
        if (isReady) return "restart"
        const log = join(settings.dataDir, "logs", "hub.log")
        const message = `The hub ${describeExit(status)} before it was ready (see ${log}).`
        fail(new StartFailure(message, { exitCode: status.code ?? 1 }))
        return "give-up"
      },
    })
    keep(STAGE.hub, hub)
    const url = addressOf(settings)
    const limit = AbortSignal.any([stopped.signal, AbortSignal.timeout(READY_LIMIT_MS)])
    await Promise.race([untilHealthy(`${url.replace(/\/$/, "")}/api/health`, limit), failed])
    if (limit.aborted)
      throw new StartFailure(`The hub did not get ready (see ${join(settings.dataDir, "logs", "hub.log")}).`)
    isReady = true
    return url
  }

  const startSidecar = (name: string, env: Readonly<Record<string, string>>): Supervised =>
    supervise({
      name,
      say,
      start: () => startOwn({ name, command: commands.sidecar, env, stage: STAGE.sidecar }),
    })

  // Before the hub has made its streams, a sidecar could only knock in vain, and take the processor from the hub.
  const { promise: hubReady, resolve: hubIsReady } = Promise.withResolvers<"ready" | "stopped">()
  stopped.signal.addEventListener("abort", () => hubIsReady("stopped"))

  const startOwnSidecar = async (services: Services): Promise<void> => {
    const hostId = settings.hostId ?? hostIdOf(hostname())
    const creds = await services.hostCreds(hostId)
    keep(
      STAGE.sidecar,
      startSidecar("sidecar", sidecarEnvironment(settings, services.reach, { hostId, creds })),
    )
  }

  const startDevelopmentUi = ({ command, url }: NonNullable<Commands["ui"]>): void => {
    const env = settings.values
    const start = (): Child => startOwn({ name: "ui", command, env, stage: STAGE.sidecar })
    keep(STAGE.sidecar, supervise({ name: "ui", say, start }))
    say(`the cockpit with hot reload: ${url}`)
  }

  const startDemoFleet = (services: Services): void => {
    const fleet = startDemo({
      hosts: typeof settings.demo === "number" ? settings.demo : null,
      command: commands.demo,
      env: demoEnvironment(settings),
      say,
      startOwn,
      startSidecar: async (host) => {
        const creds = await services.hostCreds(host.host_id)
        const env = demoSidecarEnvironment(settings, services.reach, { host, creds })
        if ((await hubReady) === "stopped") return null
        return startSidecar(`sidecar-${host.host_id}`, env)
      },
    })
    keep(STAGE.sidecar, fleet)
  }

  return {
    broken,
    start: async () => {
      const answering = answersAsLlamaSwap(settings.llamaSwapUrl)
      const services = await startServices(settings, guard, say)
      keep(STAGE.nats, services)
      if (stopped.signal.aborted) throw new StartFailure("The start was given up.")
      void services.lost.then(({ name, status }) => breakDown(`${name} ${describeExit(status)}`))
      const address = startHub(services)
      // Awaited below; until then its failure must not count as unhandled.
      address.catch(() => undefined)
      const withDemo = wantsDemo(settings, await answering, say)
      if (withDemo) startDemoFleet(services)
      const url = await address
      hubIsReady("ready")
      await startOwnSidecar(services)
      if (commands.ui !== undefined) startDevelopmentUi(commands.ui)
      return url
    },
    stop: async () => {
      guard.seal()
      stopped.abort()
      for (const stage of Object.values(STAGE)) {
        const stopping = running.filter((one) => one.stage === stage).map((one) => one.stop())
        await Promise.allSettled(stopping)
      }
      // Ends what a start in progress had not handed over yet.
      await guard.close()
    },
  }
}

function wantsDemo(settings: Settings, answers: boolean, say: (line: string) => void): boolean {
  const at = settings.llamaSwapUrl
  say(answers ? `a llama-swap answers at ${at}` : `no llama-swap answers at ${at}`)
  if (settings.demo === "off") return false
  if (settings.demo !== "auto") return true
  if (!answers) say("adding a demo fleet of simulated hosts (without it: npm start -- --no-demo)")
  return !answers
}

function addressOf({ listen, basePath }: Settings): string {
  const host = listen.host === "0.0.0.0" || listen.host === "::" ? "127.0.0.1" : listen.host
  const path = basePath.replace(/^\/+|\/+$/g, "")
  return `http://${host.includes(":") ? `[${host}]` : host}:${listen.port}${path === "" ? "" : `/${path}`}`
}

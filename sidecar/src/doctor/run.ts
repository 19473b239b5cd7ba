import type { Config } from "../config.ts"
import { checkClock, checkEngine, checkGpus, checkNats, checkSpool } from "./checks.ts"
import { checkEngineConfig } from "./engine-config.ts"
import { checkOtherSpools } from "./other-spools.ts"
import { reportLines } from "./report.ts"
import type { Terminal } from "./status.ts"

/** Prints what can and cannot be reached from here, what may be lost, and what to do. False where something fails. */
export async function doctor(
  config: Config,
  { clock, write }: Terminal,
  environment: () => NodeJS.ProcessEnv,
): Promise<boolean> {
  const findings = [
    checkSpool(config),
    ...checkOtherSpools(config),
    checkClock(clock),
    ...(await checkNats(config, clock)),
    await checkEngine(config, clock),
    ...checkEngineConfig(config.engine.configFile),
    await checkGpus(config, clock, environment()["PATH"] ?? ""),
  ]
  write(`host ${config.hostId}`)
  for (const line of reportLines(findings)) write(line)
  return findings.every(({ state }) => state !== "bad")
}

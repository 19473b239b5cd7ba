import { chmodSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import type { GpuKind } from "./kinds.ts"
import type { GpuReading } from "./physics.ts"

/** What the stand-in executable reads; it keeps no state of its own. */
export interface NvidiaSmiState {
  os: "linux" | "windows"
  driver: string
  cuda: string
  misbehave: Misbehaviour | null
  apps: { gpu: number; pid: number; usedMib: number }[]
  gpus: { index: number; kind: GpuKind; uuid: string; busId: string; serial: string; reading: GpuReading }[]
}

export const MISBEHAVIOURS = [
  "not-available",
  "err",
  "hang",
  "garbage",
  "gpu-lost",
  "exit",
  "no-driver",
] as const
export type Misbehaviour = { kind: (typeof MISBEHAVIOURS)[number]; afterLines: number }

const STAND_IN = fileURLToPath(new URL("../../bin/nvidia-smi.mjs", import.meta.url))

export interface NvidiaSmiFiles {
  /** Runs as this host's nvidia-smi. */
  executable: string
  stateFile: string
  write(state: NvidiaSmiState): void
  remove(): void
}

/** A folder with this host's state and a small executable that points the stand-in at it. */
export function createNvidiaSmiFiles(hostId: string): NvidiaSmiFiles {
  const directory = mkdtempSync(join(tmpdir(), `boocontrol-sim-${hostId}-`))
  const stateFile = join(directory, "gpus.json")
  const executable = join(directory, process.platform === "win32" ? "nvidia-smi.cmd" : "nvidia-smi")
  const flags = "--max-semi-space-size=1 --v8-pool-size=0"
  writeFileSync(
    executable,
    process.platform === "win32"
      ? `@"${process.execPath}" ${flags} "${STAND_IN}" "--state=${stateFile}" %*\r\n`
      : `#!/bin/sh\nexec '${process.execPath}' ${flags} '${STAND_IN}' '--state=${stateFile}' "$@"\n`,
  )
  chmodSync(executable, 0o755)
  return {
    executable,
    stateFile,
    write(state) {
      // A reader never sees half a file.
      writeFileSync(`${stateFile}.new`, JSON.stringify(state))
      renameSync(`${stateFile}.new`, stateFile)
    },
    remove: () => rmSync(directory, { recursive: true, force: true }),
  }
}

import { rmSync, writeFileSync } from "node:fs"
import { randomUUID } from "node:crypto"
import { join } from "node:path"
import { ENVELOPE_VERSION } from "@boocontrol/shared/envelope"
import { BootId, InstanceId } from "@boocontrol/shared/ids"
import { inboxPrefixOf, subjects } from "@boocontrol/shared/subjects"
import { instantOf } from "@boocontrol/shared/time"
import type { Config } from "../config.ts"
import { createEngineHttp } from "../llama-swap/http.ts"
import { probeEngine } from "../llama-swap/probe.ts"
import { runProgram } from "../platform/child.ts"
import type { Clock } from "../platform/clock.ts"
import { findProgram } from "../platform/find-program.ts"
import { reasonOf } from "../platform/log.ts"
import { natsLink } from "../platform/nats.ts"
import { isThisMachine } from "../presence/addresses.ts"
import { resumeAsk } from "../publish/resume.ts"
import { makeFolderSync } from "../spool/files.ts"
import { identityIn } from "../spool/folder.ts"
import { COLUMNS, fieldsFrom } from "../telemetry/gpu/fields.ts"
import { cardPower } from "../telemetry/gpu/sleep.ts"
import { VERSION } from "../version.ts"
import { bad, good, notice } from "./report.ts"
import type { Finding } from "./report.ts"

const CONNECT_WITHIN_MS = 8_000
const LOOK_EVERY_MS = 100
const REFUSAL_WITHIN_MS = 500
const PROGRAM_WITHIN_MS = 15_000

export function checkSpool({ spool }: Config): Finding {
  try {
    makeFolderSync(spool.folder)
    const probe = join(spool.folder, `doctor-${process.pid}`)
    writeFileSync(probe, "")
    rmSync(probe)
    return good("spool", `${spool.folder} can be written`)
  } catch (error) {
    return bad(
      "spool",
      `${spool.folder} cannot be written: ${reasonOf(error)}`,
      "set BOO_SPOOL_DIR to a folder of this user",
    )
  }
}

export function checkClock(clock: Clock): Finding {
  const now = instantOf(clock.now())
  // Older than this program: the machine has not been told the time.
  if (now < "2026-01-01") return bad("clock", `it says ${now}`, "let the machine set its clock (NTP)")
  return good("clock", now)
}

/** Connection, credentials, and the right to speak and to be told, without claiming the host id. */
export async function checkNats(config: Config, clock: Clock): Promise<Finding[]> {
  const { hostId, nats, spool } = config
  const troubles: string[] = []
  const link = natsLink({
    servers: nats.servers,
    credsFile: nats.credsFile,
    name: `boocontrol-sidecar ${hostId} doctor`,
    inboxPrefix: inboxPrefixOf(hostId),
    clock,
    log: { info: () => {}, warn: (message) => void troubles.push(message) },
  })
  const instance = identityOrAny(spool.folder)
  link.subscribe(subjects.commandsOf(hostId), () => {})
  link.start()
  try {
    for (
      let waited = 0;
      waited < CONNECT_WITHIN_MS && !link.connected() && troubles.length === 0;
      waited += LOOK_EVERY_MS
    )
      await clock.sleep(LOOK_EVERY_MS)
    if (!link.connected())
      return [
        bad(
          "nats",
          troubles[0] ?? `no answer within ${CONNECT_WITHIN_MS / 1_000} s`,
          "check NATS_URL and NATS_CREDS, and that the hub runs",
        ),
      ]
    // A log message without lines: valid, and nothing to see.
    const head = { v: ENVELOPE_VERSION, host: hostId, instance, boot: BootId.parse(randomUUID()), seq: null }
    const message = { ...head, at: instantOf(clock.now()), kind: "log", data: { source: "proxy", lines: [] } }
    link.publish(subjects.event(hostId, "log"), Buffer.from(JSON.stringify(message)))
    const hub = await resumeAsk({ host: hostId, instance, clock, link, tries: 1 }).ask()
    await clock.sleep(REFUSAL_WITHIN_MS)
    if (troubles.length > 0)
      return [
        bad(
          "nats",
          troubles.join("; "),
          `give this host its own credentials in NATS_CREDS (made for ${hostId})`,
        ),
      ]
    return [
      good("nats", `connected, and may publish and be told as ${hostId}`),
      hub === null
        ? notice(
            "hub",
            "no hub answers: what happens is stored by NATS if its streams exist, else kept here",
            "start the hub",
          )
        : good(
            "hub",
            `answers; its newest row of this host is of ${hub.row?.ts ?? "never"}, its newest sample of ${hub.sample_ts ?? "never"}`,
          ),
    ]
  } finally {
    await link.stop(0)
  }
}

/** As what `run` will speak: under another identity the hub would take this for a twin, and refuse `run` for a while. */
function identityOrAny(folder: string): InstanceId {
  try {
    return identityIn(folder)
  } catch {
    return InstanceId.parse(randomUUID())
  }
}

export async function checkEngine({ engine }: Config, clock: Clock): Promise<Finding> {
  const http = createEngineHttp({
    url: engine.url,
    apiKey: engine.apiKey,
    userAgent: `boocontrol-sidecar/${VERSION}`,
    clock,
  })
  try {
    const about = { url: engine.url, hasKey: engine.apiKey !== null, nowRfc3339: instantOf(clock.now()) }
    const { era, version, lacks } = await probeEngine(http, about)
    const says = `${version ?? "unknown version"} at ${engine.url}, era ${era ?? "older than request rows"}`
    return lacks.length === 0
      ? good("llama-swap", says)
      : notice("llama-swap", `${says}; lacks ${lacks.join(", ")}`, "update llama-swap to have it all")
  } catch (error) {
    return bad(
      "llama-swap",
      reasonOf(error),
      "check LLAMA_SWAP_URL and LLAMA_SWAP_API_KEY, and that llama-swap runs",
    )
  } finally {
    http.close()
  }
}

export async function checkGpus(config: Config, clock: Clock, path: string): Promise<Finding> {
  const about = "nvidia-smi"
  if (!(await isThisMachine(new URL(config.engine.url).hostname)))
    return good(about, "not used: llama-swap runs on another machine")
  const program = findProgram(config.nvidiaSmi, path)
  const instead = "GPU figures come from llama-swap every 5 s instead. Set NVIDIA_SMI where it is elsewhere"
  if (program === null) return notice(about, `${config.nvidiaSmi} is not there`, instead)
  if (cardPower().allSuspended())
    return good(about, `${program}: all cards are suspended, so they are not looked at`)
  const ask = (args: string[]) => runProgram([program, ...args], { clock, timeoutMs: PROGRAM_WITHIN_MS })
  const help = await ask(["--help-query-gpu"])
  const fields = fieldsFrom(help.stdout)
  if (!fields)
    return bad(
      about,
      `${program} lists no fields: ${(help.stdout || help.stderr || help.error || "no output").slice(0, 200)}`,
      instead,
    )
  const list = await ask(["--query-gpu=index,name", "--format=csv,noheader,nounits"])
  const cards = list.stdout.split("\n").filter((line) => line.trim() !== "")
  if (list.code !== 0)
    return bad(
      about,
      `${program} fails: ${cards[0] ?? list.stderr}`,
      "mend the driver; until then GPU figures come from llama-swap",
    )
  const missing = COLUMNS.filter((column) => !fields.some((field) => field.column === column))
  const lacks = missing.length > 0 ? `; this driver has no ${missing.join(", ")}` : ""
  return good(
    about,
    `${cards.length} GPUs (${cards.join("; ")}), ${fields.length} of ${COLUMNS.length} fields${lacks}`,
  )
}

import { z } from "zod"
import type { Control } from "./control.ts"
import { MISBEHAVIOURS } from "./gpu/nvidia-smi.ts"
import type { Exchange } from "./http/exchange.ts"

const Model = z.object({ model: z.string() })
const State = z.enum(["stopped", "starting", "ready", "stopping"])
const On = z.object({ on: z.boolean().default(true) })
const MessageTypes = z.enum([
  "modelStatus",
  "logData",
  "activity",
  "metrics",
  "inflight",
  "uiConfig",
  "profileChanged",
])
const Bytes = z.union([
  z.object({ text: z.string() }).transform(({ text }) => Buffer.from(text)),
  z.object({ base64: z.string() }).transform(({ base64 }) => Buffer.from(base64, "base64")),
])
const Request = z.object({
  model: z.string(),
  source: z.string().optional(),
  path: z.string().optional(),
  stream: z.boolean().optional(),
  promptTokens: z.number().int().positive().optional(),
  outputTokens: z.number().int().nonnegative().optional(),
  session: z.string().nullable().optional(),
  userAgent: z.string().optional(),
  remoteIp: z.string().optional(),
  headers: z.record(z.string(), z.string()).optional(),
  includeUsage: z.boolean().optional(),
  abortAfterMs: z.number().nullable().optional(),
  keepText: z.boolean().optional(),
  /** Answer at once instead of when the request is over. */
  background: z.boolean().default(false),
})
const Row = z.object({
  timestamp: z.string().optional(),
  model: z.string().optional(),
  req_path: z.string().optional(),
  resp_content_type: z.string().optional(),
  resp_status_code: z.number().optional(),
  duration_ms: z.number().optional(),
  has_capture: z.boolean().optional(),
  error_msg: z.string().optional(),
  metadata: z.record(z.string(), z.string()).optional(),
  capture: z
    .object({
      requestHeaders: z.record(z.string(), z.string()).exactOptional(),
      requestBody: z.string().exactOptional(),
      responseBody: z.string().exactOptional(),
    })
    .optional(),
  tokens: z
    .object({
      cache_tokens: z.number().optional(),
      draft_tokens: z.number().optional(),
      draft_acc_tokens: z.number().optional(),
      input_tokens: z.number().optional(),
      output_tokens: z.number().optional(),
      prompt_per_second: z.number().optional(),
      tokens_per_second: z.number().optional(),
    })
    .optional(),
})

/** The verbs of POST /__sim/<verb>: the control object for a test in another process. */
const VERBS: Record<string, (control: Control, body: unknown) => unknown> = {
  async request(control, body) {
    const { background, ...request } = Request.parse(body)
    const answered = control.request(request)
    return background ? null : answered
  },
  "set-model-state"(control, body) {
    const { model, state } = Model.extend({ state: State }).parse(body)
    control.setModelState(model, state)
  },
  load: (control, body) => control.load(Model.parse(body).model),
  unload: (control, body) => control.unload(z.object({ model: z.string().optional() }).parse(body).model),
  crash: (control, body) => control.crash(Model.parse(body).model),
  "fail-next-start": (control, body) => control.failNextStart(Model.parse(body).model),
  "fail-next-request": (control, body) => control.failNextRequest(Model.parse(body).model),
  restart: (control, body) => control.restart(z.object({ downMs: z.number().default(0) }).parse(body)),
  reload: (control) => control.reload(),
  "drop-next-events"(control, body) {
    const { count, type } = z.object({ count: z.number().int(), type: MessageTypes.optional() }).parse(body)
    control.dropNextEvents(count, type)
  },
  "send-raw": (control, body) => control.sendRaw(Bytes.parse(body)),
  "go-silent": (control, body) => control.goSilent(On.parse(body).on),
  "close-streams": (control) => control.closeStreams(),
  "refuse-connections": (control, body) => control.refuseConnections(On.parse(body).on),
  "stall-responses": (control, body) => control.stallResponses(On.parse(body).on),
  "add-row": (control, body) => control.addRow(Row.parse(body)),
  "publish-inflight-snapshot": (control) => control.publishInflightSnapshot(),
  "drop-captures": (control) => control.dropCaptures(),
  log(control, body) {
    const Where = z.object({
      source: z.enum(["proxy", "upstream"]).default("upstream"),
      model: z.string().optional(),
    })
    const { source, model } = Where.parse(body)
    control.log(Bytes.parse(body), source, model)
  },
  "gpu-misbehave"(control, body) {
    const Bad = z.object({ kind: z.enum(MISBEHAVIOURS), afterLines: z.number().int().default(0) })
    const { kind, afterLines } = Bad.parse(body)
    control.gpu.misbehave(kind, { afterLines })
  },
  "gpu-behave": (control) => control.gpu.behave(),
  "gpu-step": (control) => control.gpu.step(),
  status: (control) => ({
    states: control.states(),
    inflight: control.inflight(),
    streams: control.streams(),
    rows: control.rows().length,
    lastRow: control.rows().at(-1) ?? null,
  }),
}

export const CONTROL_VERBS = Object.keys(VERBS)
const PREFIX = "/__sim/"

export function isControlPath(path: string): boolean {
  return path.startsWith(PREFIX)
}

export async function handleControl(control: Control, exchange: Exchange): Promise<void> {
  const name = exchange.path.slice(PREFIX.length)
  const verb = Object.hasOwn(VERBS, name) ? VERBS[name] : undefined
  if (!verb || exchange.method !== "POST")
    return exchange.json(404, { error: `verbs: ${CONTROL_VERBS.join(" ")}` })
  const text = await exchange.body()
  try {
    const body: unknown = text === "" ? {} : JSON.parse(text)
    // Cutting connections would cut this one too: answer first.
    if (name === "restart" || name === "refuse-connections") {
      exchange.response.setHeader("Connection", "close")
      exchange.json(200, { ok: true })
      await new Promise<void>((resolve) => exchange.response.once("finish", () => resolve()))
      await verb(control, body)
      return
    }
    exchange.json(200, { ok: true, result: (await verb(control, body)) ?? null })
  } catch (error) {
    exchange.json(400, { error: error instanceof Error ? error.message : String(error) })
  }
}

import type { IncomingMessage } from "node:http"
import { SourceLabel } from "@boocontrol/shared/ids"
import { problems } from "./core/errors.ts"
import type { GatewayProblem } from "./core/errors.ts"
import type { CallerKey, Keyring } from "./keys.ts"

/** Whether this request may come in at all: by its Host and Origin, and by what it shows. */
export interface AccessPort {
  judge(
    request: IncomingMessage,
    shown: { token: string | null; hasGatewayKey: boolean },
  ): { ok: true } | { ok: false; status: number; code: string; message: string }
}

export type KeyringPort = Pick<Keyring, "look">

export interface Entry {
  readonly source: string
  /** Null: whoever asks needs none, or is the administrator. */
  readonly key: CallerKey | null
}

/** Lets a request in or says why not. */
export function createDoor(access: AccessPort, keys: KeyringPort | null) {
  return {
    enter(request: IncomingMessage): Entry | GatewayProblem {
      const routed = request.headers["x-boo-request-id"]
      if (routed !== undefined) return problems.alreadyRouted(String(routed).slice(0, 100))
      const token = credentialOf(request)
      const shown = keys?.look(token) ?? null
      if (shown !== null && "problem" in shown) return shown.problem
      const key = shown?.key ?? null
      const verdict = access.judge(request, { token, hasGatewayKey: key !== null })
      if (!verdict.ok) {
        const { status, code, message } = verdict
        return status === 401
          ? problems.unauthorized(message, code)
          : { status, code, message, type: "permission_error" }
      }
      const source = sourceOf(request)
      if (source === undefined) {
        return problems.badRequest(
          "X-Boo-Source must be a label of a-z, 0-9 and -, 40 characters at most",
          "bad_source",
        )
      }
      return { source: source ?? key?.label ?? "unlabelled", key }
    },
  }
}

/** As OpenAI's clients send it, or as Anthropic's do. */
export function credentialOf({ headers }: IncomingMessage): string | null {
  const bearer = /^Bearer\s+(\S+)$/i.exec(headers.authorization ?? "")?.[1]
  if (bearer !== undefined) return bearer
  const key = headers["x-api-key"] ?? headers["api-key"]
  return typeof key === "string" && key !== "" ? key : null
}

function sourceOf({ headers }: IncomingMessage): string | null | undefined {
  const given = headers["x-boo-source"]
  if (given === undefined) return null
  const label = SourceLabel.safeParse(given)
  return label.success ? label.data : undefined
}

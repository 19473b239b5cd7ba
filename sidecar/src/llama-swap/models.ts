import type { ListedModel, RunningModel } from "../fleet/ports.ts"
import { quantOf } from "@boocontrol/shared/models"
import type { ModelStatus, Running } from "./shapes.ts"

export function listedModelOf(model: ModelStatus): ListedModel {
  const contextLength = model.context_length ?? 0
  return {
    id: model.id,
    name: model.name || null,
    description: model.description || null,
    aliases: model.aliases ?? [],
    state: model.peerID ? null : stateOf(model.state ?? ""),
    context_length: contextLength > 0 ? Math.round(contextLength) : null,
    unlisted: model.unlisted ?? false,
    peer: model.peerID || null,
    capabilities: Object.entries(model.capabilities ?? {})
      .filter(([, has]) => has === true)
      .map(([name]) => name),
  }
}

/** Whether this engine has a process of it. */
export function isRunning({ state, peerID }: ModelStatus): boolean {
  return !peerID && ["starting", "ready", "stopping"].includes(state ?? "")
}

export function runningModelsOf(reply: Running): RunningModel[] {
  return (reply.running ?? []).map(({ model, state, ttl, cmd }) => ({
    id: model,
    state: stateOf(state),
    ttl_s: ttl === undefined || ttl === null || ttl < 0 ? null : ttl,
    quant: quantOf(cmd ?? ""),
  }))
}

function stateOf(state: string): ListedModel["state"] {
  switch (state) {
    case "ready":
    case "starting":
    case "stopping":
    case "stopped":
      return state
    case "shutdown":
      return "stopped"
    default:
      return null
  }
}

/** Why a start failed, from a proxy log line: `[WARN] group: starting <model> failed: <reason>`. */
export function startFailureIn(line: string): { model: string; reason: string } | null {
  const match = /\bstarting (\S+) failed: (.+)$/.exec(line)
  return match?.[1] && match[2] ? { model: match[1], reason: match[2].slice(0, 300) } : null
}

/** The same from the row of the request that wanted the start. */
export function startFailureOf(status: number | null, error: string | null): string | null {
  if (error === null || (status !== 500 && status !== 502)) return null
  const reason = error.replace(/^unspecific error: /, "")
  return /^(?:upstream command exited|health check timed out|failed to start command|start aborted)/.test(
    reason,
  )
    ? reason.slice(0, 300)
    : null
}

/** Access-log lines of our own reading. What was done by a person's wish through us (POST) stays to be seen. */
export function isOwnAccessLine(line: string): boolean {
  return /"GET \S+ HTTP\/[\d.]+" \d+ \d+ "boocontrol-sidecar\//.test(line)
}

/** Slashes are part of a model's name and stay. */
export function pathOfModel(model: string): string {
  return model.split("/").map(encodeURIComponent).join("/")
}

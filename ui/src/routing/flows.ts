import type { RouteFlow, RouteFlows } from "@boocontrol/shared/routing"
import type { LocationQueryRaw } from "vue-router"
import { count } from "../kit/format.ts"

export interface FlowLine {
  readonly key: string
  readonly source: string
  readonly asked: string
  readonly place: string
  readonly flow: RouteFlow
  /** Of all requests of the window, in words and as a length. */
  readonly share: string
  readonly width: number
  readonly tokens: string
  /** What Activity is filtered by; null where nobody said who asked, or it was sent nowhere. */
  readonly ofSource: LocationQueryRaw | null
  readonly ofPlace: LocationQueryRaw | null
}

export function flowLines({ rows, requests }: RouteFlows, hosts: readonly string[]): FlowLine[] {
  const most = Math.max(1, ...rows.map((row) => row.requests))
  return rows.map((flow) => {
    const { source, asked, provider_id: provider, model } = flow
    const isHost = provider !== null && hosts.includes(provider)
    return {
      key: JSON.stringify([source, asked, provider, model]),
      source: source ?? "unlabelled",
      asked: asked ?? "a name that leads nowhere",
      place: provider === null ? "nowhere" : `${model ?? "?"} on ${provider}`,
      flow,
      share: shareOf(flow.requests / Math.max(1, requests)),
      width: (flow.requests / most) * 100,
      tokens: tokensOf(flow),
      ofSource: source === null ? null : { source },
      ofPlace: isHost
        ? { host: provider, ...(model === null ? {} : { model }), ...(source === null ? {} : { source }) }
        : null,
    }
  })
}

function shareOf(share: number): string {
  const percent = share * 100
  return percent > 0 && percent < 1 ? "< 1 %" : `${Math.round(percent)} %`
}

/** Prompt and output together; what was not counted is said. */
function tokensOf({ counted, requests, prompt_tokens: prompt, output_tokens: output }: RouteFlow): string {
  if (prompt === null || output === null) return "tokens not known"
  const tokens = `${count(prompt)} + ${count(output)} tokens`
  return counted < requests ? `${tokens} of ${count(counted)} requests` : tokens
}

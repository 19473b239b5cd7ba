import type { ObservedRequest, RequestEnrichment } from "@boocontrol/shared/activity"
import type { Envelope } from "@boocontrol/shared/envelope"
import { BootId, HostId, InstanceId, SwapEpoch } from "@boocontrol/shared/ids"
import { instantOf } from "@boocontrol/shared/time"

export const FIRST_EPOCH = SwapEpoch.parse("0193a000-0000-4000-8000-000000000001")
export const SECOND_EPOCH = SwapEpoch.parse("0193a000-0000-4000-8000-000000000002")
const START_MS = Date.UTC(2026, 10, 22, 8)

/** A request row; entries are one second apart unless `ts` is given. */
export function observed(given: Partial<ObservedRequest> & { swap_entry_id: number }): ObservedRequest {
  return {
    swap_epoch: FIRST_EPOCH,
    ts: instantOf(START_MS + given.swap_entry_id * 1_000),
    model: "qwen3-8b-q4_k_m",
    req_path: "/v1/chat/completions",
    status_code: 200,
    duration_ms: 812.5,
    cache_tokens: 100,
    input_tokens: 20,
    prompt_tokens: 120,
    uncached_tokens: 20,
    token_basis: "timings",
    output_tokens: 64,
    prompt_tps: 900.25,
    gen_tps: 81.5,
    draft_tokens: null,
    draft_accepted: null,
    error: null,
    has_capture: false,
    source: null,
    request_id: null,
    client_ip: null,
    user_agent: null,
    session_id: null,
    attribution: null,
    ...given,
  }
}

export function enrichmentOf(row: ObservedRequest, given: Partial<RequestEnrichment>): RequestEnrichment {
  const { swap_epoch, swap_entry_id, ts } = row
  const nothing = { source: null, request_id: null, client_ip: null, user_agent: null, session_id: null }
  const by = { attribution: null }
  return { swap_epoch, swap_entry_id, ts, ...nothing, ...by, ...given }
}

const BOOT = BootId.parse("0193a000-0000-4000-8000-0000000000b0")
let lastSeq = 0

export function activityMessage(
  rows: ObservedRequest[],
  enrichments: RequestEnrichment[] = [],
  host = "gpu-1",
): Envelope<"activity"> {
  return {
    v: 1,
    host: HostId.parse(host),
    instance: InstanceId.parse("0193a000-0000-4000-8000-0000000000a0"),
    boot: BOOT,
    seq: ++lastSeq,
    at: instantOf(START_MS),
    kind: "activity",
    data: { rows, enrichments },
  }
}

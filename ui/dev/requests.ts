import { randomUUID } from "node:crypto"
import { ActivityRow } from "@boocontrol/shared/activity"
import type { FleetHost } from "@boocontrol/shared/fleet"
import { instantOf } from "@boocontrol/shared/time"

const SOURCES = ["boocoder", "boochat", "control-bench", "titles", "arena", null]

/** An invented request that ended at `ms`. Some are errors, some have no token counts, as in life. */
export function requestAt(host: FleetHost, ms: number, n: number): ActivityRow | null {
  const models = host.models.filter((model) => model.state === "ready")
  const model = models[n % Math.max(1, models.length)]
  if (!model) return null
  const odd = n % 13
  const failed = odd === 7
  const blind = odd === 4
  const prompt = 80 + ((n * 977) % 11_000)
  const cached = n % 3 === 0 ? 0 : Math.floor(prompt * 0.7)
  return ActivityRow.parse({
    id: uuidV7(ms),
    provider_id: host.provider_id,
    swap_epoch: "0b5f3c1e-0000-4000-8000-000000000001",
    swap_entry_id: n,
    ts: instantOf(Math.floor(ms / 1000) * 1000),
    model: model.id,
    req_path: "/v1/chat/completions",
    status_code: failed ? 502 : 200,
    duration_ms: 300 + ((n * 613) % 9000),
    cache_tokens: failed || blind ? null : cached,
    input_tokens: failed || blind ? null : prompt - cached,
    prompt_tokens: failed || blind ? null : prompt,
    uncached_tokens: failed || blind ? null : prompt - cached,
    token_basis: failed || blind ? "unknown" : "timings",
    output_tokens: failed || blind ? null : 12 + ((n * 131) % 1300),
    prompt_tps: failed || blind ? null : 900 + ((n * 37) % 2600),
    gen_tps: failed || blind ? null : 18 + ((n * 53) % 1250) / 10,
    draft_tokens: null,
    draft_accepted: null,
    error: failed ? "upstream closed the connection" : null,
    has_capture: failed,
    source: SOURCES[n % SOURCES.length],
    request_id: randomUUID(),
    client_ip: null,
    user_agent: null,
    session_id: null,
    attribution: "only",
  })
}

function uuidV7(ms: number): string {
  const time = Math.floor(ms).toString(16).padStart(12, "0")
  const rest = randomUUID()
  return `${time.slice(0, 8)}-${time.slice(8)}-7${rest.slice(15, 18)}-${rest.slice(19)}`
}

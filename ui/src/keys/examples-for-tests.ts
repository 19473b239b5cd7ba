import { GatewayKey } from "@boocontrol/shared/gateway"
import { instantOf } from "@boocontrol/shared/time"
import { NOW } from "../test/examples.ts"

export const aKey = (label: string, more: Record<string, unknown> = {}): GatewayKey =>
  GatewayKey.parse({
    ...{ id: "00000000-0000-4000-8000-0000000000e1", label, hint: "boo-abcd…", models: null },
    ...{ requests_per_min: null, tokens_per_min: null, tokens_per_day: null, tokens_per_month: null },
    ...{ money_per_day: null, money_per_month: null, expires_at: null, revoked_at: null },
    ...{ created_at: instantOf(NOW - 3_600_000), last_used_at: null, last_used_by: null },
    used: { tokens_day: 0, tokens_month: 0, money_day: 0, money_month: 0 },
    ...more,
  })

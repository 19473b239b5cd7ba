import type { ActivityAttribution, ActivityRow, AttributionBasis } from "@boocontrol/shared/activity"
import { DASH } from "../kit/format.ts"

interface Way {
  readonly text: string
  readonly why: string
}

const WAYS = {
  exact: { text: "from its capture", why: "llama-swap kept the headers of this very request" },
  only: {
    text: "the only one in flight",
    why: "Of all requests seen in flight, only this one fits in model, path, end and length",
  },
  gateway: {
    text: "sent by the gateway",
    why: "Of all that the gateway sent to this host, only this request fits in model, path, status, end and length",
  },
  closest: {
    text: "most likely, the closest in flight",
    why: "Several requests in flight fit, and the length of one fits much better than that of the others",
  },
  alike: {
    text: "the source only, one of several alike",
    why: "Several requests fit, all of this source: which of them it was is not known",
  },
} as const satisfies Record<AttributionBasis, Way>

/** How the caller of a request was found, in words; null where nobody is known. */
export function attributionOf({
  attribution,
  source,
}: Pick<ActivityRow, "attribution" | "source">): Way | null {
  if (attribution !== null) return WAYS[attribution]
  return source === null ? null : { text: "not kept", why: "It is from before the way was kept" }
}

/** `from its capture 12.0 %, the only one in flight 85.9 %`; null without requests. */
export function waysOf({ rows, requests }: Pick<ActivityAttribution, "rows" | "requests">): string | null {
  const told = rows.flatMap(({ attribution, requests: own, with_source: named }) => {
    if (attribution !== null) return [{ text: WAYS[attribution].text, own }]
    return [
      { text: "not kept", own: named },
      { text: "nobody known", own: own - named },
    ]
  })
  const parts = told
    .filter(({ own }) => own > 0)
    .map(({ text, own }) => `${text} ${requests === 0 ? DASH : ((own / requests) * 100).toFixed(1)} %`)
  return parts.length === 0 ? null : parts.join(", ")
}

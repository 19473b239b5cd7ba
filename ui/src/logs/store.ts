import type { LogFrame } from "@boocontrol/shared/frames"
import type { HostId } from "@boocontrol/shared/ids"
import { LOG_TAIL_LINES } from "@boocontrol/shared/logs"
import type { LogSource } from "@boocontrol/shared/logs"
import { defineStore } from "pinia"
import { shallowRef } from "vue"

export interface LogLine {
  /** Counts up per page life: a stable key while older lines fall off. */
  readonly n: number
  readonly source: LogSource
  readonly model: string | null
  readonly text: string
  /** Lines lost before this one. */
  readonly lostBefore: number
}

/** The log tail of the one host somebody looks at. Logs are relayed, never stored. */
export const useLogs = defineStore("logs", () => {
  const host = shallowRef<HostId | null>(null)
  const lines = shallowRef<readonly LogLine[]>([])
  let counted = 0

  /** Also after a lost connection: the hub then replays the tail, and no line is shown twice. */
  function follow(id: HostId | null): void {
    host.value = id
    lines.value = []
  }

  function apply(frame: LogFrame): void {
    if (frame.provider_id !== host.value) return
    const added = frame.lines.map((text, index) => ({
      n: counted++,
      source: frame.source,
      model: frame.model ?? null,
      text,
      lostBefore: index === 0 ? (frame.dropped ?? 0) : 0,
    }))
    lines.value = [...lines.value, ...added].slice(-LOG_TAIL_LINES)
  }

  return { host, lines, follow, apply }
})

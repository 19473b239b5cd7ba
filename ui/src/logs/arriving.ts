import type { LogFrame } from "@boocontrol/shared/frames"
import { defineStore } from "pinia"
import { shallowRef } from "vue"

interface LogReader {
  readonly apply: (frame: LogFrame) => void
  readonly lost: () => void
}

/** Where lines go. They come only to a page that asked for them: their store comes with that page, not with the start. */
export const useArrivingLogs = defineStore("arriving-logs", () => {
  const reader = shallowRef<LogReader | null>(null)
  return {
    readBy(next: LogReader): void {
      reader.value = next
    },
    apply: (frame: LogFrame): void => reader.value?.apply(frame),
    lost: (): void => reader.value?.lost(),
  }
})

import { CaptureReply } from "@boocontrol/shared/capture"
import type { StoredCapture } from "@boocontrol/shared/capture"
import type { RequestId } from "@boocontrol/shared/ids"
import { shallowRef, watch } from "vue"
import type { ShallowRef } from "vue"
import { ApiError, useApi } from "../../platform/api.ts"
import "../../platform/zod-setup.ts"

/**
 * | state   | entered when                              | leaves when               |
 * | loading | opened                                    | the hub answers           |
 * | stored  | a capture is stored, or was fetched       | another request is opened |
 * | missing | none is stored: says why, and what to do  | fetched by hand           |
 * | asking  | fetched by hand                           | the hub answers           |
 */
export interface CaptureState {
  readonly state: "loading" | "stored" | "missing" | "asking"
  readonly capture: StoredCapture | null
  readonly why: string | null
  /** The engine may still have it. */
  readonly canFetch: boolean
}

const LOADING: CaptureState = { state: "loading", capture: null, why: null, canFetch: false }

export function useCapture(id: () => RequestId | null): {
  capture: Readonly<ShallowRef<CaptureState>>
  fetchNow: () => Promise<void>
} {
  const api = useApi()
  const capture = shallowRef<CaptureState>(LOADING)
  let generation = 0

  async function take(ask: (path: string) => Promise<CaptureReply>): Promise<void> {
    const wanted = id()
    const mine = ++generation
    if (wanted === null) return
    try {
      const reply = await ask(`activity/${wanted}/capture`)
      if (mine === generation)
        capture.value = { state: "stored", capture: reply.capture, why: null, canFetch: false }
    } catch (error) {
      if (mine === generation) capture.value = missing(error)
    }
  }

  watch(
    id,
    () => {
      capture.value = LOADING
      void take((path) => api.get(path, CaptureReply))
    },
    { immediate: true },
  )

  return {
    capture,
    async fetchNow() {
      capture.value = { ...capture.value, state: "asking" }
      await take((path) => api.post(path, CaptureReply))
    },
  }
}

function missing(error: unknown): CaptureState {
  const known = error instanceof ApiError ? error : null
  const canFetch =
    known?.code === "CAPTURE_NOT_STORED" ||
    known?.code === "CAPTURE_NOT_FETCHED" ||
    known?.body?.details?.["can_fetch"] === true
  const words =
    known?.code === "CAPTURE_NOT_STORED"
      ? "Its host may still have it, for as long as its engine keeps captures"
      : known?.message
  return { ...{ state: "missing", capture: null, canFetch }, why: words ?? "The capture could not be read" }
}

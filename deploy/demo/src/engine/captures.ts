export interface Capture {
  id: number
  req_path: string
  req_headers: Record<string, string> | null
  req_body: string | null
  resp_headers: Record<string, string> | null
  resp_body: string | null
}

export interface CaptureText {
  path: string
  requestHeaders: Record<string, string>
  responseHeaders: Record<string, string>
  /** Made only when somebody asks, so that a long-running fleet does not hold megabytes of invented text. */
  requestBody: () => string
  responseBody: (() => string) | null
  /** What the compressed capture would take of the budget. */
  bytes: number
}

export interface CaptureStore {
  add(id: number, text: CaptureText): boolean
  has(id: number): boolean
  get(id: number): Capture | null
  clear(): void
}

/** First in, first out within the budget; one that is larger than the whole budget is not kept. */
export function createCaptureStore(budgetBytes: number): CaptureStore {
  const kept = new Map<number, CaptureText>()
  let used = 0
  return {
    add(id, text) {
      if (text.bytes > budgetBytes) return false
      kept.set(id, text)
      used += text.bytes
      for (const [oldest, { bytes }] of kept) {
        if (used <= budgetBytes) break
        kept.delete(oldest)
        used -= bytes
      }
      return true
    },
    has: (id) => kept.has(id),
    get(id) {
      const text = kept.get(id)
      if (!text) return null
      return {
        id,
        req_path: text.path,
        req_headers: text.requestHeaders,
        req_body: Buffer.from(text.requestBody()).toString("base64"),
        resp_headers: text.responseHeaders,
        resp_body: text.responseBody ? Buffer.from(text.responseBody()).toString("base64") : null,
      }
    },
    clear() {
      kept.clear()
      used = 0
    },
  }
}

/** Something the person who started BooControl can mend: the message is all they need, a stack would only hide it. */
export class StartFailure extends Error {
  readonly exitCode: number

  constructor(message: string, options: { cause?: unknown; exitCode?: number } = {}) {
    super(message, { cause: options.cause })
    this.name = "StartFailure"
    this.exitCode = options.exitCode ?? 1
  }
}

export function codeOf(error: unknown): string | null {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : null
}

export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  // `fetch failed` and its like keep the reason in their cause.
  return error.cause instanceof Error && !error.message.includes(error.cause.message)
    ? `${error.message} (${error.cause.message || codeOf(error.cause) || "no reason given"})`
    : error.message
}

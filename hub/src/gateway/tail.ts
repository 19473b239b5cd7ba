import type { EndpointKind } from "@boocontrol/shared/gateway"
import { usageOf } from "./core/usage.ts"
import type { TokenUsage } from "./ports.ts"

const TAIL_BYTES = 4 * 1024
/** The last event of a response repeats all of it: its name stands before that. */
const RESPONSES_TAIL_BYTES = 1024 * 1024
const USAGE_BYTES = 8 * 1024

/** The end of an answer, kept as it passes: references to the last pieces, put together once, when it is over. */
export class Tail {
  readonly #limit: number
  #chunks: Buffer[] = []
  #bytes = 0
  #text: string | null = null

  constructor(kind: EndpointKind) {
    this.#limit = kind === "responses" ? RESPONSES_TAIL_BYTES : TAIL_BYTES
  }

  push(chunk: Buffer): void {
    this.#chunks.push(chunk)
    this.#bytes += chunk.length
    let first = this.#chunks[0]
    while (first !== undefined && this.#bytes - first.length >= this.#limit) {
      this.#bytes -= first.length
      this.#chunks.shift()
      first = this.#chunks[0]
    }
  }

  text(): string {
    this.#text ??= Buffer.concat(this.#chunks).subarray(-this.#limit).toString("utf8")
    return this.#text
  }

  usage(): TokenUsage | null {
    return usageOf(this.text().slice(-USAGE_BYTES))
  }
}

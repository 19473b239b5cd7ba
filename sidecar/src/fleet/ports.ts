import type { ModelState } from "@boocontrol/shared/models"

/** A model as the engine lists it. `error` is never among these states: it is derived here. */
export interface ListedModel {
  readonly id: string
  readonly name: string | null
  readonly description: string | null
  readonly aliases: readonly string[]
  readonly state: Exclude<ModelState, "error"> | null
  readonly context_length: number | null
  readonly unlisted: boolean
  readonly peer: string | null
  readonly capabilities: readonly string[]
}

/** What the server of a model says of itself while it runs. */
export interface Instance {
  /** Tokens of one slot. */
  readonly context_length: number | null
  /** Requests it works on at once; further ones wait in it. */
  readonly slots: number | null
}

/** What the engine says of a model that is not stopped. */
export interface RunningModel {
  readonly id: string
  readonly state: ListedModel["state"]
  readonly ttl_s: number | null
  readonly quant: string | null
}

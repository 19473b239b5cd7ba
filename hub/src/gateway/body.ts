import type { IncomingMessage } from "node:http"
import { NOWHERE, Roster } from "../platform/roster.ts"
import type { Seated } from "../platform/roster.ts"
import { boundaryOf, formModel, formModelAfter, withFormModel } from "./core/multipart.ts"
import { MAX_DEPTH, scanBody, withModel } from "./core/scan.ts"
import type { Scanned, Span } from "./core/scan.ts"
import { queryModel } from "./core/endpoints.ts"
import type { Forward } from "./core/endpoints.ts"
import { isProblem, problems } from "./core/errors.ts"
import type { GatewayProblem } from "./core/errors.ts"

const MIB = 1024 * 1024
/** Larger than any prompt with images; far below what would hurt others. */
export const MAX_BODY_BYTES = 64 * MIB
/** Held for a second attempt. What is larger is passed on as it comes, once the model is known, and tried once. */
const HOLD_BYTES = 8 * MIB
/** All bodies together, so that many large ones cannot take the memory of the hub. */
const HELD_IN_ALL_BYTES = 256 * MIB
/** From here on the total counts: small bodies cost less than the counting. */
const COUNTED_FROM_BYTES = 64 * 1024
// A client on a phone sends a picture in seconds; who takes longer than this between two pieces is not sending.
const IDLE_MS = 15_000
const LEAST_BYTES_PER_S = 1024
const GRACE_MS = 20_000

/** Names of models are file names at most; they are kept, shown and stored. */
const LONGEST_MODEL = 300

/** A body as far as it is there, and what it says. */
export interface ReadBody {
  /** Everything, or the beginning where `rest` is set. */
  readonly head: Buffer
  /** The client, from whom the rest still comes; null where `head` is all. */
  readonly rest: IncomingMessage | null
  /** Length by content-length, or of `head`; null not known. */
  readonly bytes: number | null
  readonly model: string
  readonly scanned: Scanned | null
  /** `head` with another model; the same where it says so already. */
  named(model: string): Buffer
  /** Once the request is over, however it ended: until then its body counts as held. */
  release(): void
}

export interface BodyReader extends Seated {
  readonly startedMs: number
  lastMs: number
  received: number
  /** Ends the reading with this problem. */
  fail(problem: GatewayProblem): void
}

export interface BodyDesk {
  read(
    request: IncomingMessage,
    endpoint: Asked,
    done: (body: ReadBody | GatewayProblem) => void,
  ): BodyReader | null
  /** Ends those who send too slowly. */
  tick(nowMs: number): void
}

/** Reads bodies as far as needed to know where they go, within bounds of size and time. */
export function createBodyDesk(now: () => number): BodyDesk {
  const readers = new Roster<BodyReader>()
  let heldInAll = 0

  function read(
    request: IncomingMessage,
    { path, upstream, isWhole }: Asked,
    done: (body: ReadBody | GatewayProblem) => void,
  ): BodyReader | null {
    const { headers } = request
    const length = headers["content-length"] === undefined ? null : Number(headers["content-length"])
    const encoding = headers["content-encoding"]
    if (encoding !== undefined && encoding !== "identity") {
      done(problems.badRequest(`Bodies must be sent as they are, not as ${encoding}`, "encoded_body"))
      return null
    }
    if (length !== null && length > MAX_BODY_BYTES) {
      done(problems.tooLarge(MAX_BODY_BYTES / MIB))
      return null
    }
    const boundary = boundaryOf(headers["content-type"] ?? "")
    const named = upstream?.model ?? null
    const chunks: Buffer[] = []
    let counted = 0
    let formFrom = 0
    // Each look puts the pieces together: twice as far each time, so that all looks copy a body twice at most.
    const firstLook = boundary === null ? HOLD_BYTES : COUNTED_FROM_BYTES
    let nextLook = isWhole ? Number.POSITIVE_INFINITY : firstLook
    const startedMs = now()

    const reader: BodyReader = {
      ...{ seat: NOWHERE, startedMs, lastMs: startedMs, received: 0 },
      fail: (problem) => end(problem),
    }
    const release = (): void => {
      heldInAll -= counted
      counted = 0
    }
    const end = (result: Omit<ReadBody, "release"> | GatewayProblem): void => {
      if (!readers.remove(reader)) return
      request.off("data", onData).off("end", onEnd).off("close", onClose)
      if (isProblem(result)) {
        release()
        return done(result)
      }
      if (result.model.length <= LONGEST_MODEL) return done({ ...result, release })
      release()
      done(
        problems.badRequest(`A model's name has ${LONGEST_MODEL} characters at most`, "bad_model", "model"),
      )
    }
    const whole = (): Buffer => {
      const only = chunks.length === 1 ? chunks[0] : undefined
      const head = only ?? Buffer.concat(chunks)
      if (chunks.length > 1) chunks.splice(0, chunks.length, head)
      return head
    }
    const onData = (chunk: Buffer): void => {
      chunks.push(chunk)
      reader.received += chunk.length
      reader.lastMs = now()
      if (reader.received > MAX_BODY_BYTES) return end(problems.tooLarge(MAX_BODY_BYTES / MIB))
      if (reader.received > COUNTED_FROM_BYTES) {
        heldInAll += reader.received - counted
        counted = reader.received
        if (heldInAll > HELD_IN_ALL_BYTES) return end(problems.busy())
      }
      if (reader.received < nextLook) return
      nextLook = reader.received * 2
      const head = whole()
      if (boundary === null) {
        const known = jsonBody(head, { isComplete: false, named })
        if (known === null) return
        return isProblem(known) ? end(known) : passOn(known)
      }
      if (named !== null) return passOn(untouched(head, named))
      const look = formModel(head, boundary, formFrom)
      formFrom = look.from
      // A file must not be held back for the form's end; a small form is on its way in one piece anyway.
      if (typeof look.found !== "string") passOn(formBody(head, look.found))
    }
    const passOn = (known: Known): void => {
      request.pause()
      end({ ...known, rest: request, bytes: length })
    }
    const onEnd = (): void => {
      const head = whole()
      const known = knownOf(head, { boundary, named, path })
      end(isProblem(known) ? known : { ...known, rest: null, bytes: head.length })
    }
    const onClose = (): void => {
      if (readers.remove(reader)) release()
    }
    readers.add(reader)
    request.on("data", onData).on("end", onEnd).on("close", onClose)
    return reader
  }

  return {
    read,
    tick(nowMs) {
      for (const reader of readers.now()) {
        const tookMs = nowMs - reader.startedMs
        const slow = tookMs > GRACE_MS && reader.received < (tookMs / 1000) * LEAST_BYTES_PER_S
        if (slow || nowMs - reader.lastMs > IDLE_MS) reader.fail(problems.tooSlow())
      }
    },
  }
}

interface Asked extends Pick<Forward, "path" | "upstream"> {
  /** To be read to its end, because somebody pays by the model: of several in JSON the last counts, forms must have one. */
  readonly isWhole: boolean
}
type Known = Omit<ReadBody, "rest" | "bytes" | "release">

interface Around {
  readonly boundary: string | null
  /** By the path: whatever else the body says is for the model's own server. */
  readonly named: string | null
  readonly path: string
}

function knownOf(head: Buffer, { boundary, named, path }: Around): Known | GatewayProblem {
  const isJson = head.length > 0 && boundary === null
  if (named !== null && !isJson) return untouched(head, named)
  if (isJson) return jsonBody(head, { isComplete: true, named }) ?? problems.noModel()
  return boundary === null || head.length === 0 ? queryBody(path) : wholeForm(head, boundary)
}

function untouched(head: Buffer, model: string): Known {
  return { head, model, scanned: null, named: () => head }
}

function queryBody(target: string): Known | GatewayProblem {
  const model = queryModel(target)
  if (model === null || model === "") return problems.noModel()
  return { head: Buffer.alloc(0), model, scanned: null, named: () => Buffer.alloc(0) }
}

/** Null where it says no model, or not yet; what is wrong with a beginning is wrong whatever follows. */
function jsonBody(
  head: Buffer,
  { isComplete, named }: { isComplete: boolean; named: string | null },
): Known | GatewayProblem | null {
  const scanned = scanBody(head)
  if (scanned === "deep")
    return problems.badRequest(`The body is nested deeper than ${MAX_DEPTH} levels`, "too_deep")
  if (scanned === "odd" || (isComplete && !scanned.complete)) return notJson(head)
  if (named !== null) return { ...untouched(head, named), scanned }
  if (scanned.model === null || scanned.model === "") return null
  return { head, model: scanned.model, scanned, named: (model) => withModel(head, scanned, model) ?? head }
}

const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf])
// To parse a large body takes seconds and gigabytes, and nobody else is served meanwhile.
const EXPLAINED_BYTES = 64 * 1024

/** The parser's own words on what it does not like, without what stands in the body. */
function notJson(head: Buffer): GatewayProblem {
  if (head.subarray(0, BYTE_ORDER_MARK.length).equals(BYTE_ORDER_MARK))
    return problems.badRequest("The body begins with a byte order mark: send it without", "not_json")
  if (head.length > EXPLAINED_BYTES) return problems.badRequest("The body is not a JSON object", "not_json")
  try {
    const parsed: unknown = JSON.parse(head.toString("utf8"))
    const what = Array.isArray(parsed) ? "a list" : typeof parsed
    return problems.badRequest(`The body must be a JSON object, not ${what}`)
  } catch (error) {
    const at = /at position \d+/.exec(error instanceof Error ? error.message : "")?.[0]
    return problems.badRequest(
      `The body is not JSON${at === undefined ? "" : `: it breaks ${at}`}`,
      "not_json",
    )
  }
}

function formBody(head: Buffer, { model, span }: { model: string; span: Span }): Known {
  return {
    head,
    model,
    scanned: null,
    named: (name) => (name === model ? head : withFormModel(head, span, name)),
  }
}

function wholeForm(head: Buffer, boundary: string): Known | GatewayProblem {
  const { found } = formModel(head, boundary)
  if (found === "none") return problems.noModel()
  if (typeof found === "string")
    return problems.badRequest("The body is not the form its content-type promises")
  if (found.model === "") return problems.noModel()
  const again = formModelAfter(head, boundary, found.span)
  if (again === "none") return formBody(head, found)
  return typeof again === "string"
    ? problems.badRequest("The body is not the form its content-type promises")
    : problems.badRequest("The form names its model twice: send one field model", "two_models", "model")
}

import type { Span } from "./scan.ts"

/** Where a form says its model; `more` where it has not come yet, `none` where the form has ended without. */
export type FormModel = { readonly model: string; readonly span: Span } | "more" | "none" | "odd"

export function boundaryOf(contentType: string): string | null {
  if (!/^multipart\/form-data\b/i.test(contentType)) return null
  const found = /;\s*boundary=(?:"([^"]{1,200})"|([^\s;"]{1,200}))/i.exec(contentType)
  return found?.[1] ?? found?.[2] ?? null
}

const LONGEST_PART_HEAD = 8 * 1024
const LONGEST_MODEL = 300

/**
 * Looks for the field `model` in as much of a form as is there. Files are jumped over by the platform's own search;
 * `from` is the part at which an earlier look ended.
 */
export function formModel(body: Buffer, boundary: string, from = 0): { found: FormModel; from: number } {
  const opening = Buffer.from(`--${boundary}`)
  const mark = Buffer.from(`\r\n--${boundary}`)
  let at = from
  if (at === 0) {
    if (body.length < opening.length + 2) return { found: "more", from: 0 }
    if (!body.subarray(0, opening.length).equals(opening)) return { found: "odd", from: 0 }
    at = opening.length
  }
  // `at` is always right after a boundary.
  for (;;) {
    if (body.length < at + 2) return { found: "more", from: at }
    if (body[at] === 0x2d && body[at + 1] === 0x2d) return { found: "none", from: at }
    const headEnd = body.indexOf("\r\n\r\n", at)
    if (headEnd === -1) return { found: body.length - at > LONGEST_PART_HEAD ? "odd" : "more", from: at }
    if (headEnd - at > LONGEST_PART_HEAD) return { found: "odd", from: at }
    const valueAt = headEnd + 4
    const isModel = namesModel(body.toString("latin1", at, headEnd))
    const valueEnd = body.indexOf(mark, Math.max(valueAt - 2, at))
    if (valueEnd === -1) {
      if (isModel && body.length - valueAt > LONGEST_MODEL + mark.length) return { found: "odd", from: at }
      return { found: "more", from: at }
    }
    if (isModel) {
      const span = { from: valueAt, to: Math.max(valueAt, valueEnd) }
      return { found: { model: body.toString("utf8", span.from, span.to), span }, from: at }
    }
    at = valueEnd + mark.length
  }
}

/** What follows the field `model` that was found: the next server may go by another one. */
export function formModelAfter(body: Buffer, boundary: string, { to }: Span): FormModel {
  return formModel(body, boundary, to + `\r\n--${boundary}`.length).found
}

function namesModel(head: string): boolean {
  const disposition = /content-disposition:[^\r\n]*/i.exec(head)?.[0] ?? ""
  return /;\s*name="?model"?\s*(?:;|$)/i.test(disposition) && !/;\s*filename/i.test(disposition)
}

export function withFormModel(body: Buffer, span: Span, model: string): Buffer {
  return Buffer.concat([body.subarray(0, span.from), Buffer.from(model), body.subarray(span.to)])
}

import { readdirSync, readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { parseEnvelope } from "./envelope.ts"
import { Frame, KNOWN_FRAME_TYPES } from "./frames.ts"
import { HostId } from "./ids.ts"
import { EVENT_KINDS } from "./subjects.ts"

const folder = new URL("../fixtures/", import.meta.url)
const versions = readdirSync(folder)
const read = (path: string) => readFileSync(new URL(path, folder), "utf8")

describe.each(versions)("recorded messages of %s", (version) => {
  it.each(EVENT_KINDS)("holds %s, and it still parses", (kind) => {
    const text = read(`${version}/${kind}.json`)
    const parsed = parseEnvelope(text, { host: HostId.parse("rack-01"), kind })
    expect(parsed).toMatchObject({ ok: true, envelope: { kind, host: "rack-01" } })
  })

  it.each(KNOWN_FRAME_TYPES)("holds a frame %s, and it still parses", (type) => {
    expect(Frame.parse(JSON.parse(read(`${version}/frame.${type}.json`)))).toMatchObject({ type })
  })
})

describe("an envelope", () => {
  const good = JSON.parse(read("v1/activity.json")) as Record<string, unknown>
  const host = HostId.parse("rack-01")
  const cases: [string, string, string][] = [
    ["more than a message may hold", JSON.stringify({ ...good, more: "x".repeat(524_288) }), "too-large"],
    ["text that is no JSON", "{", "not-json"],
    ["a version nobody knows", JSON.stringify({ ...good, v: 2 }), "version"],
    ["no version", JSON.stringify({ ...good, v: undefined }), "version"],
    ["a JSON list", "[]", "version"],
    ["another host than the subject's", JSON.stringify({ ...good, host: "attic" }), "identity"],
    ["another kind than the subject's", JSON.stringify({ ...good, kind: "perf" }), "shape"],
    ["a durable message without seq", JSON.stringify({ ...good, seq: null }), "shape"],
    ["seq 0", JSON.stringify({ ...good, seq: 0 }), "shape"],
    ["no data", JSON.stringify({ ...good, data: undefined }), "shape"],
  ]
  it.each(cases)("is refused with %s", (_, text, reason) => {
    expect(parseEnvelope(text, { host, kind: "activity" })).toMatchObject({ ok: false, reason })
  })

  it("may have fields that this version does not know", () => {
    const newer = JSON.stringify({ ...good, later: true })
    expect(parseEnvelope(newer, { host, kind: "activity" }).ok).toBe(true)
  })
})

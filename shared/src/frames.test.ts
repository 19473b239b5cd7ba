import { expect, it } from "vitest"
import { ClientFrame, Frame, KNOWN_FRAME_TYPES, Topic } from "./frames.ts"

it("lists exactly the types of the union", () => {
  const inUnion = Frame.def.options.flatMap((option) => literalsOf(option))
  expect(new Set(inUnion)).toEqual(new Set(KNOWN_FRAME_TYPES))
  expect(new Set(KNOWN_FRAME_TYPES).size).toBe(KNOWN_FRAME_TYPES.length)
})

it.each(["fleet", "activity", "jobs", "perf:*", "perf:rack-01", "log:rack-01"])(
  "knows the topic %s",
  (topic) => {
    expect(Topic.safeParse(topic).success).toBe(true)
  },
)

it.each(["log:*", "perf:", "perf:Rack", "everything", ""])("refuses the topic %j", (topic) => {
  expect(Topic.safeParse(topic).success).toBe(false)
})

it.each([{ type: "subscribe" }, { type: "subscribe", topics: ["nope"] }, { type: "shout" }, null, 7])(
  "refuses the client frame %j",
  (frame) => {
    expect(ClientFrame.safeParse(frame).success).toBe(false)
  },
)

interface Option {
  def: {
    type: string
    options?: readonly Option[]
    shape?: { type?: { def: { values?: readonly unknown[] } } }
  }
}

function literalsOf(option: unknown): unknown[] {
  const { def } = option as Option
  if (def.options) return def.options.flatMap(literalsOf)
  return [...(def.shape?.type?.def.values ?? [])]
}

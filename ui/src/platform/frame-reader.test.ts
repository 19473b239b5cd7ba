import { Frame } from "@boocontrol/shared/frames"
import { describe, expect, it } from "vitest"
import { HUB_ID, NOW, aGpu, aHost, aModel, aRow, aSample, deltaOf, snapshotOf } from "../test/examples.ts"
import { createFrameReader, isExactFrame } from "./frame-reader.ts"

const host = aHost({ models: [aModel({ id: "qwen3-8b" })], sample: aSample(NOW, [aGpu()]) })
const JOB = { type: "control_job", job_id: HUB_ID, kind: "bench", state: "running", done: 0, total: null }
const EXACT: [string, unknown][] = [
  ["snapshot", snapshotOf([host])],
  ["delta", deltaOf(host, 11, { liveness: "down" })],
  ["lagged", { type: "control_fleet", kind: "lagged", topic: "activity", dropped: 3 }],
  ["activity", { type: "control_activity", provider_id: "box", seq: 1, rows: [aRow(1)] }],
  ["perf", { type: "control_perf", provider_id: "box", seq: 1, samples: [aSample(NOW)] }],
  ["log", { type: "control_log", provider_id: "box", source: "proxy", lines: ["x"] }],
]

function reader() {
  let loads = 0
  const read = createFrameReader(() => {
    loads++
    return Promise.resolve(Frame)
  })
  return { read: (data: unknown) => read(JSON.stringify(data)), text: read, loadedTimes: () => loads }
}

describe("reading a frame", () => {
  it.each(EXACT)("takes an exact %s frame at once, as it is, without the schemas", (_kind, data) => {
    const { read, loadedTimes } = reader()
    expect(read(data)).toEqual({ frame: data })
    expect(loadedTimes()).toBe(0)
    expect(Frame.parse(data)).toEqual(data)
  })

  it.each(EXACT)(
    "leaves what is new in a %s frame to the schemas, which leave it out",
    async (_kind, data) => {
      const { read } = reader()
      expect(await read({ ...Object(data), later: 1 })).toEqual({ frame: data })
    },
  )

  it("has no quick look for a frame that comes seldom", async () => {
    expect(isExactFrame(JOB)).toBe(false)
    expect(await reader().read(JOB)).toEqual({ frame: JOB })
  })

  it("says where a frame is wrong", async () => {
    const { read } = reader()
    const wrong = snapshotOf([{ ...host, enabled: Object("yes") }])
    expect(await read(wrong)).toEqual({ rejection: expect.stringMatching(/^hosts\.0\.enabled: /) })
  })

  it("fetches the schemas once and reads at once from then on", async () => {
    const { read, loadedTimes } = reader()
    await read(JOB)
    expect(read(JOB)).toEqual({ frame: JOB })
    expect(loadedTimes()).toBe(1)
  })

  it.each(["{", "", "null", "[]", '"text"', '{"type":"nothing"}'])("refuses %s", async (text) => {
    expect(await reader().text(text)).toHaveProperty("rejection")
  })

  it("says so when the schemas cannot be loaded, and tries again with the next frame", async () => {
    const answers = [Promise.reject(new Error("gone")), Promise.resolve(Frame)]
    const read = createFrameReader(() => answers.shift() ?? Promise.resolve(Frame))
    expect(await read(JSON.stringify(JOB))).toEqual({ rejection: "what reads it could not be loaded" })
    expect(await read(JSON.stringify(JOB))).toEqual({ frame: JOB })
  })
})

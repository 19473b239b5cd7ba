import fc from "fast-check"
import { expect, it } from "vitest"
import { AttributionBasis, surenessOf } from "@boocontrol/shared/activity"
import { HostId, SwapEpoch } from "@boocontrol/shared/ids"
import { epochMsOf, instantOf } from "@boocontrol/shared/time"
import { foldBatch, spansOfHosts, splitBySize } from "./core.ts"
import { cursorOf, readCursor } from "./cursor.ts"
import { activityMessage, enrichmentOf, observed } from "./samples-for-tests.ts"
import { requestIdOf, timeOfRequestId } from "./request-id.ts"

const HOST = HostId.parse("gpu-1")
const EPOCH = SwapEpoch.parse("0193a000-0000-4000-8000-000000000001")
const OTHER_EPOCH = SwapEpoch.parse("0193a000-0000-4000-8000-000000000002")
const identity = (entry: number, ts = "2026-11-22T08:00:00.000Z") => ({
  ...{ provider_id: HOST, swap_epoch: EPOCH, swap_entry_id: entry },
  ts: instantOf(Date.parse(ts)),
})

it("gives the same row the same id, a UUIDv7 of its own time", () => {
  const id = requestIdOf(identity(7))
  expect(id).toBe(requestIdOf(identity(7)))
  expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  expect(timeOfRequestId(id)).toBe(epochMsOf(identity(7).ts))
})

it.each([
  ["gpu-1", EPOCH, 4_294_967_295, "2026-11-22T08:00:00.999Z", "01a20244-ebe7-7fff-bfff-ff510b538d79"],
  ["a-host", OTHER_EPOCH, 1_234_567, "1970-01-01T00:00:00.001Z", "00000000-0001-7001-8b5a-1ff727eff34c"],
  ["a-host", OTHER_EPOCH, 2 ** 53 - 1, "2199-12-31T23:59:59.000Z", "0699e991-a418-7fff-bfff-fe9669456f05"],
])("never gives the row of %s, %s, %i at %s another id", (host, swap_epoch, swap_entry_id, ts, id) => {
  const provider_id = HostId.parse(host)
  expect(requestIdOf({ provider_id, swap_epoch, swap_entry_id, ts: instantOf(Date.parse(ts)) })).toBe(id)
})

it("sorts ids of one second as the engine counted, whatever the number", () => {
  const entries = [0, 1, 63, 64, 16_383, 16_384, 1_048_575, 1_048_576, 4_294_967_295]
  const ids = entries.map((entry) => requestIdOf(identity(entry)))
  expect([...ids].sort()).toEqual(ids)
  expect(new Set(ids).size).toBe(ids.length)
})

it("gives different ids to the same entry of two epochs and of two hosts", () => {
  const ids = [
    requestIdOf(identity(1)),
    requestIdOf({ ...identity(1), swap_epoch: OTHER_EPOCH }),
    requestIdOf({ ...identity(1), provider_id: HostId.parse("gpu-2") }),
  ]
  expect(new Set(ids).size).toBe(3)
})

it("makes one row of a row that came twice, with all that both knew", () => {
  const batch = foldBatch([
    activityMessage([observed({ swap_entry_id: 1, source: "boochat" })]),
    activityMessage([observed({ swap_entry_id: 1, source: "arena", client_ip: "10.0.0.9" })]),
  ])
  expect(batch.rows).toHaveLength(1)
  expect(batch.rows[0]).toMatchObject({ source: "boochat", client_ip: "10.0.0.9" })
})

it("takes a row fetched again under a new epoch within one batch for the same row", () => {
  const row = observed({ swap_entry_id: 4, output_tokens: null })
  const batch = foldBatch([activityMessage([row]), activityMessage([{ ...row, swap_epoch: OTHER_EPOCH }])])
  expect(batch.rows.map((one) => one.swap_epoch)).toEqual([row.swap_epoch])
})

it("takes the same entry of two hosts for two rows", () => {
  const row = observed({ swap_entry_id: 4 })
  const messages = [
    activityMessage([row]),
    activityMessage([row, { ...row, swap_epoch: OTHER_EPOCH }], [], "gpu-2"),
  ]
  expect(foldBatch(messages).rows.map((one) => one.provider_id)).toEqual(["gpu-1", "gpu-2"])
})

it("tells of each host when its rows lie, and whether they are of one epoch", () => {
  const [a, b, c] = [5, 2, 9].map((entry) => observed({ swap_entry_id: entry }))
  if (!a || !b || !c) throw new Error("three rows")
  const other = { ...observed({ swap_entry_id: 3 }), swap_epoch: OTHER_EPOCH }
  const { rows } = foldBatch([activityMessage([a, b, c]), activityMessage([a, other], [], "gpu-2")])
  expect(spansOfHosts(rows)).toEqual([
    { provider_id: "gpu-1", swap_epoch: a.swap_epoch, mixed: false, first: b.ts, last: c.ts },
    { provider_id: "gpu-2", swap_epoch: a.swap_epoch, mixed: true, first: other.ts, last: a.ts },
  ])
})

it("keeps rows of two epochs that differ in one figure", () => {
  const row = observed({ swap_entry_id: 4, output_tokens: null })
  const other = { ...row, swap_epoch: OTHER_EPOCH, output_tokens: 0 }
  expect(foldBatch([activityMessage([row, other])]).rows).toHaveLength(2)
})

it("fills a row of the same batch and hands on an enrichment of an earlier one", () => {
  const row = observed({ swap_entry_id: 1 })
  const earlier = observed({ swap_entry_id: 0 })
  const batch = foldBatch([
    activityMessage([row]),
    activityMessage(
      [],
      [enrichmentOf(row, { source: "boochat" }), enrichmentOf(earlier, { session_id: "s" })],
    ),
  ])
  expect(batch.rows[0]?.source).toBe("boochat")
  expect(batch.enrichments).toMatchObject([{ swap_entry_id: 0, session_id: "s", envelopes: [1] }])
})

it("ends with what the surest finding says, in whatever order messages come, and however they are batched", () => {
  const row = observed({ swap_entry_id: 1 })
  const label = fc.option(fc.constantFrom("a", "b"), { nil: null })
  const caller = { request_id: label, client_ip: label, user_agent: label, session_id: label }
  const findings = AttributionBasis.options.map((attribution) =>
    fc.record({ ...caller, source: label, attribution: fc.constant(attribution) }),
  )
  const some = fc.tuple(...findings).chain((all) => fc.shuffledSubarray(all, { minLength: 1 }))
  const surestOf = (found: readonly { attribution: AttributionBasis }[]) =>
    found.toSorted((a, b) => surenessOf(b.attribution) - surenessOf(a.attribution))[0]
  fc.assert(
    fc.property(some, fc.nat(), fc.array(fc.nat(), { maxLength: 4 }), (found, at, again) => {
      const messages = [...found, ...again.flatMap((n) => found[n % found.length] ?? [])].map((one) =>
        activityMessage([], [enrichmentOf(row, one)]),
      )
      const rowFirst = foldBatch([
        ...messages.slice(0, at % 4),
        activityMessage([row]),
        ...messages.slice(at % 4),
      ])
      expect(rowFirst.rows).toMatchObject([surestOf(found)])
      // Of a row that is stored already.
      expect(foldBatch(messages).enrichments).toMatchObject([surestOf(found)])
      const inRows = found.map((one) => activityMessage([{ ...row, ...one }]))
      expect(foldBatch([activityMessage([row]), ...inRows, ...messages]).rows).toMatchObject([
        surestOf(found),
      ])
    }),
    { numRuns: 500 },
  )
})

it("remembers when the newest message of each host was sent", () => {
  const early = { ...activityMessage([]), at: instantOf(1_000) }
  const late = { ...activityMessage([]), at: instantOf(2_000) }
  expect(foldBatch([late, early]).eventAt.get(early.host)).toBe(late.at)
})

it.each([
  [[], 100, []],
  [["a", "b", "c"], 100, [["a", "b", "c"]]],
  [["a", "b", "c"], 8, [["a", "b"], ["c"]]],
  [["a", "much too long for any part", "c"], 8, [["a"], ["much too long for any part"], ["c"]]],
])("splits %j into parts of at most %i bytes", (items, maxBytes, parts) => {
  expect(splitBySize(items, maxBytes)).toEqual(parts)
})

it("reads back its own cursor and no other text", () => {
  const end = { ts: identity(1).ts, id: requestIdOf(identity(1)) }
  expect(readCursor(cursorOf(end))).toEqual(end)
  for (const text of [
    "",
    "x",
    cursorOf(end).slice(0, -3),
    Buffer.from("2026-13-45T99:00:00.000Z x").toString("base64url"),
  ]) {
    expect(() => readCursor(text)).toThrow(expect.objectContaining({ code: "BAD_CURSOR" }))
  }
})

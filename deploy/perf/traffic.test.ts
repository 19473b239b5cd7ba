import { expect, it } from "vitest"
import { parseEnvelope } from "@boocontrol/shared/envelope"
import { parseEventSubject } from "@boocontrol/shared/subjects"
import { trafficHost } from "./traffic.ts"

const NOON_MS = Date.UTC(2026, 10, 22, 12)

it("makes messages that the hub would take, numbered where they are durable", () => {
  const host = trafficHost(7)
  const messages = [
    host.presence(NOON_MS),
    host.live(NOON_MS),
    host.inflight(NOON_MS, 2),
    host.log(NOON_MS, 3),
    host.models(NOON_MS, "ready"),
    host.activity(NOON_MS, 2),
    host.perf(NOON_MS, 5),
  ]
  const read = messages.map(({ subject, text }) => {
    const address = parseEventSubject(subject)
    return address && parseEnvelope(text, address)
  })
  expect(read.filter((reading) => reading?.ok !== true)).toEqual([])
  expect(messages.map(({ id }) => id?.split(".").at(-1) ?? null)).toEqual([
    ...[null, null, null, null],
    ...["1", "2", "3"],
  ])
  const perf = read.at(-1)
  const times = perf?.ok === true && perf.envelope.kind === "perf" ? perf.envelope.data.samples : []
  expect(times.map(({ ts, gpu }) => [ts, gpu?.length])).toEqual(
    [-4, -3, -2, -1, 0].map((second) => [new Date(NOON_MS + second * 1000).toISOString(), 4]),
  )
})

import { expect, it } from "vitest"
import { readPubAck } from "./pub-ack.ts"

it.each([
  [0, '{"stream":"BOO_PERF","seq":7}', { kind: "stored", duplicate: false }],
  [0, '{"stream":"BOO_PERF","seq":7,"duplicate":true}', { kind: "stored", duplicate: true }],
  [503, "", { kind: "refused", reason: expect.stringContaining("no stream") }],
  [
    0,
    '{"error":{"code":400,"err_code":10054,"description":"too big"}}',
    { kind: "too_large", reason: "too big (10054)" },
  ],
  [
    0,
    '{"error":{"code":503,"err_code":10077,"description":"full"}}',
    { kind: "refused", reason: "full (10077)" },
  ],
  [0, "+OK", { kind: "refused", reason: expect.stringContaining("no acknowledgement") }],
  [0, "{}", { kind: "refused", reason: expect.stringContaining("no acknowledgement") }],
  [0, "", { kind: "refused", reason: expect.stringContaining("no acknowledgement") }],
])("reads the answer %i %s", (status, text, outcome) => {
  expect(readPubAck(status, text)).toEqual(outcome)
})

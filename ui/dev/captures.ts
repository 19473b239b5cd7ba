import type { ActivityRow } from "@boocontrol/shared/activity"
import type { StoredCapture } from "@boocontrol/shared/capture"
import { instantOf } from "@boocontrol/shared/time"

const PIXEL =
  "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAE0lEQVR4nGNkaPjPgA0wYRUdtBIAO4sBj6YrP7sAAAAASUVORK5CYII="

/** A chat with everything in it: roles, a picture, a tool, reasoning, an answer in pieces. */
export function captureOf(row: ActivityRow): StoredCapture {
  const request = JSON.stringify({
    ...{ model: row.model, temperature: 0.2, stream: true, max_tokens: 512 },
    tools: [
      { type: "function", function: { name: "read_sensor", description: "Reads one sensor of a card" } },
    ],
    messages: [
      { role: "system", content: "You look after a rack of cards. Be brief." },
      {
        role: "user",
        content: [
          { type: "text", text: "How warm is the second card, and does this chart look right?" },
          { type: "image_url", image_url: { url: PIXEL } },
        ],
      },
      {
        ...{ role: "assistant", content: null },
        tool_calls: [{ id: "call_1", function: { name: "read_sensor", arguments: '{"card":1}' } }],
      },
      { role: "tool", tool_call_id: "call_1", content: "67 °C" },
    ],
  })
  const chunk = (delta: object) =>
    `data: ${JSON.stringify({ id: "c1", object: "chat.completion.chunk", created: 1, model: row.model, choices: [{ index: 0, delta }] })}\n\n`
  const answer = [
    chunk({ reasoning_content: "67 °C is within what such a card takes." }),
    ..."It is at 67 °C, which is fine. The chart shows the same."
      .split(/(?<= )/)
      .map((content) => chunk({ content })),
    `data: ${JSON.stringify({ choices: [{ index: 0, delta: {}, finish_reason: "stop" }], id: "c1", timings: { prompt_ms: (row.duration_ms ?? 0) * 0.3, predicted_ms: (row.duration_ms ?? 0) * 0.5, prompt_n: 40, predicted_n: 16, cache_n: 900 } })}\n\n`,
    "data: [DONE]\n\n",
  ].join("")
  const body = (text: string) => ({ text, encoding: "text" as const, bytes: text.length, cut: false })
  return {
    ...{ v: 1, fetched_at: instantOf(Date.parse(row.ts) + 900), by: "policy", redacted: 1 },
    req_path: row.req_path,
    req_headers: {
      "Content-Type": "application/json",
      Authorization: "[REDACTED]",
      "X-Boo-Source": "boochat",
    },
    resp_headers: { "Content-Type": "text/event-stream" },
    ...{ req_body: body(request), resp_body: body(answer) },
  }
}

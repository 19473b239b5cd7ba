import { execFileSync } from "node:child_process"
import { StoredCapture } from "@boocontrol/shared/capture"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { curlOf } from "./curl.ts"

const capture = (text: string, headers: Record<string, string> = {}) =>
  StoredCapture.parse({
    ...{ v: 1, fetched_at: "2026-11-26T10:00:00.000Z", by: "hand", redacted: 0 },
    ...{ req_path: "/v1/chat/completions", req_headers: headers, resp_headers: {}, resp_body: null },
    req_body: { text, encoding: "text", bytes: text.length, cut: false },
  })

describe("a request for a shell", () => {
  it("has its address, its headers and its body, and not what a client sets itself", () => {
    const headers = {
      ...{ "Content-Type": "application/json", "X-Boo-Source": "boochat", Authorization: "[REDACTED]" },
      ...{ "Content-Length": "12", "User-Agent": "node", Host: "x", "Sec-Fetch-Mode": "cors" },
    }
    expect(curlOf(capture("{}", headers), "http://box:8080/")).toBe(
      [
        "curl 'http://box:8080/v1/chat/completions' \\",
        "  -H 'Content-Type: application/json' \\",
        "  -H 'X-Boo-Source: boochat' \\",
        "  -H 'Authorization: [REDACTED]' \\",
        "  --data-binary '{}'",
      ].join("\n"),
    )
  })

  it("gives a shell exactly the body, whatever stands in it", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom("'", '"', "$", "`", "\\", "!", "\n", "a", "ä") }),
        (text) => {
          fc.pre(text !== "")
          const command = curlOf(capture(text), "http://box").replace(/^curl /, "printf '%s|' ")
          const words = execFileSync("sh", ["-c", command], { encoding: "utf8" }).split("|")
          expect(words.at(-2)).toBe(text)
        },
      ),
      { numRuns: 20 },
    )
  })
})

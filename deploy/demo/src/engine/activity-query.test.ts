import { describe, expect, it } from "vitest"
import { createActivityStore, NO_TOKENS } from "./activity.ts"
import { queryActivity } from "./activity-query.ts"

function storeOf(count: number) {
  const store = createActivityStore({ firstId: 1, keep: 1000 })
  for (let index = 0; index < count; index++) {
    store.add({
      timestamp: new Date(Date.UTC(2026, 0, 1, 0, 0, index)).toISOString().replace(".000", ""),
      model: index % 2 === 0 ? "a" : "b",
      req_path: "/v1/chat/completions",
      resp_content_type: "",
      resp_status_code: 200,
      tokens: { ...NO_TOKENS, output_tokens: count - index },
      duration_ms: 1,
      has_capture: false,
    })
  }
  return store
}

function ids(count: number, query: string, bounds = true) {
  const outcome = queryActivity(storeOf(count).rows(), new URLSearchParams(query), bounds)
  return outcome.ok ? outcome.page.data.map((row) => row.id) : outcome.message
}

describe("the activity query", () => {
  it.each([
    ["", [5, 4, 3, 2, 1]],
    ["order=asc&limit=2", [1, 2]],
    ["order=asc&limit=2&page=3", [5]],
    ["page=9", []],
    ["min_id=3&order=asc", [3, 4, 5]],
    ["min_id=2&max_id=3", [3, 2]],
    ["model=b", [4, 2]],
    ["model=a&model=b&limit=3", [5, 4, 3]],
    ["sort=generated&order=asc&limit=2", [5, 4]],
    ["start=2026-01-01T00:00:02Z&end=2026-01-01T00:00:03Z", [4, 3]],
    ["limit=0", "limit must be between 1 and 999"],
    ["limit=1000", "limit must be between 1 and 999"],
    ["limit=abc", "invalid limit"],
    ["page=0", "page must be >= 1"],
    ["sort=foo", "invalid sort column"],
    ["order=up", "order must be asc or desc"],
    ["min_id=0", "min_id must be >= 1"],
    ["min_id=3&max_id=2", "min_id must be <= max_id"],
    ["start=yesterday", "invalid 'start' timestamp, use RFC3339 format"],
  ])("answers ?%s", (query, expected) => {
    expect(ids(5, query)).toEqual(expected)
  })

  it.each([
    ["min_id=3&order=asc", [1, 2, 3, 4, 5]],
    ["min_id=0", [5, 4, 3, 2, 1]],
    ["start=yesterday", [5, 4, 3, 2, 1]],
    ["model=b&model=a", [4, 2]],
  ])("up to v250 knows no bounds: ?%s", (query, expected) => {
    expect(ids(5, query, false)).toEqual(expected)
  })

  it("says how many pages there are", () => {
    const outcome = queryActivity(storeOf(7).rows(), new URLSearchParams("limit=3"), true)
    expect(outcome).toMatchObject({ ok: true, page: { total: 7, total_pages: 3, page: 1, limit: 3 } })
  })
})

describe("the activity store", () => {
  it.each([
    [{ firstId: 1, keep: 2 }, [3, 4]],
    [{ firstId: 0, keep: 3 }, [1, 2, 3]],
    [{ firstId: 1, keep: null }, [1, 2, 3, 4]],
  ])("keeps the newest rows and never uses an id twice: %o", (options, expected) => {
    const store = createActivityStore(options)
    for (const { id: _, ...row } of storeOf(4).rows()) store.add(row)
    expect(store.rows().map((row) => row.id)).toEqual(expected)
  })
})

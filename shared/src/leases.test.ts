import { describe, expect, it } from "vitest"
import { parseLeaseHeader } from "./leases.ts"

const id = "00000000-0000-4000-8000-0000000000a1"

describe("X-Boo-Lease", () => {
  it.each([
    [id, { lease_id: id }],
    [`${id};17`, { lease_id: id, fencing_token: 17 }],
    [` ${id} ; 17 `, { lease_id: id, fencing_token: 17 }],
    [`${id};`, null],
    [`${id};0`, null],
    [`${id};-1`, null],
    [`${id};1;2`, null],
    ["", null],
    ["17", null],
  ])("%j names %j", (text, ref) => {
    expect(parseLeaseHeader(text)).toEqual(ref)
  })
})

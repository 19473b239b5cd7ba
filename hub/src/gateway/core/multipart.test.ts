import { expect, it } from "vitest"
import { boundaryOf, formModel, formModelAfter, withFormModel } from "./multipart.ts"

const part = (head: string, value: string) =>
  `--b\r\nContent-Disposition: form-data; ${head}\r\n\r\n${value}\r\n`
const form = (...parts: string[]) => Buffer.from(`${parts.join("")}--b--\r\n`)
const file = part(
  `name="file"; filename="model"\r\nContent-Type: audio/wav`,
  `RIFF name="model"\r\n\r\nfake\r\n--a`,
)

it.each([
  ["multipart/form-data; boundary=b", "b"],
  [`multipart/form-data; charset=utf-8; boundary="a b"`, "a b"],
  ["application/json", null],
  ["multipart/form-data", null],
])("reads the boundary of %s", (type, boundary) => {
  expect(boundaryOf(type)).toBe(boundary)
})

it("finds the model before and after a file, and never in it", () => {
  for (const body of [
    form(part(`name="model"`, "whisper"), file),
    form(file, part(`name="model"`, "whisper")),
  ]) {
    const { found } = formModel(body, "b")
    expect(found).toMatchObject({ model: "whisper" })
    if (typeof found === "string") throw new Error(found)
    expect(withFormModel(body, found.span, "large-v3").toString()).toBe(
      body.toString().replace("\r\n\r\nwhisper\r\n", "\r\n\r\nlarge-v3\r\n"),
    )
  }
})

it("finds another model behind the first, and knows a form that has ended from one that was cut", () => {
  const model = (name: string) => part(`name="model"`, name)
  const after = (body: Buffer) => {
    const { found } = formModel(body, "b")
    if (typeof found === "string") throw new Error(found)
    return formModelAfter(body, "b", found.span)
  }
  expect(after(form(model("tiny"), file, model("large")))).toMatchObject({ model: "large" })
  expect(after(form(file, model("tiny")))).toBe("none")
  expect(after(form(model("tiny"), file))).toBe("none")
  expect(after(form(model("tiny"), file).subarray(0, -6))).toBe("more")
})

it("waits for what has not come, wherever the form is cut, and goes on from where it was", () => {
  const body = form(file, part(`name="language"`, ""), part(`name="model"`, "whisper"))
  let from = 0
  let seen: unknown = "more"
  for (let length = 0; length <= body.length && seen === "more"; length++) {
    const look = formModel(body.subarray(0, length), "b", from)
    from = look.from
    seen = look.found
  }
  expect(seen).toMatchObject({ model: "whisper" })
  expect(formModel(form(file), "b").found).toBe("none")
  expect(formModel(Buffer.from("not a form at all"), "b").found).toBe("odd")
  expect(formModel(form(part(`name="model"`, "x".repeat(1000)).slice(0, -4)), "b").found).not.toBe("none")
})

import type { IncomingMessage } from "node:http"
import { PassThrough } from "node:stream"
import { expect, it, vi } from "vitest"
import { createBodyDesk } from "./body.ts"
import type { BodyDesk, ReadBody } from "./body.ts"
import { isProblem } from "./core/errors.ts"
import type { GatewayProblem } from "./core/errors.ts"

const MIB = 1024 * 1024
const large = Buffer.concat([Buffer.from('{"model":"m","x":"'), Buffer.alloc(60 * MIB, "a")])

const v1 = { path: "/v1/completions", upstream: null }

type Outcome = ReadBody | GatewayProblem
type Fake = PassThrough & { headers: Record<string, string>; outcome: Promise<Outcome> }

/** A request whose body a test sends as it likes. */
function reading(desk: BodyDesk): Fake {
  const { promise, resolve } = Promise.withResolvers<Outcome>()
  const request = Object.assign(new PassThrough(), { headers: {}, outcome: promise })
  desk.read(request as unknown as IncomingMessage, { ...v1, isWhole: false }, resolve)
  return request
}
const codeOf = (outcome: Outcome) => (isProblem(outcome) ? outcome.code : "read")

it.each([
  ["a list", "[[],", "[]]"],
  ["an object that goes on after its end", '{"a":[[],', '[]]},{"b":['],
  ["an object nested too deep", `{"a":${"[".repeat(300)}`, "[],"],
])("refuses %s without parsing it, and as soon as that is known", async (_name, begin, more) => {
  const desk = createBodyDesk(() => 0)
  const parse = vi.spyOn(JSON, "parse")
  const short = reading(desk)
  short.end(begin + more.repeat(40_000))
  expect(codeOf(await short.outcome)).toMatch(/^(not_json|too_deep)$/)
  const long = reading(desk)
  // Its end never comes.
  long.write(begin + more.repeat(3 * MIB))
  expect(codeOf(await long.outcome)).toMatch(/^(not_json|too_deep)$/)
  expect(parse).not.toHaveBeenCalled()
  parse.mockRestore()
})

it("says where a small body breaks, and names a byte order mark", async () => {
  const desk = createBodyDesk(() => 0)
  const refused = async (body: string) => {
    const request = reading(desk)
    request.end(body)
    return request.outcome
  }
  expect(await refused('{"model":"m",}')).toMatchObject({ message: expect.stringContaining("position 13") })
  expect(await refused('\ufeff{"model":"m"}')).toMatchObject({
    ...{ code: "not_json", message: expect.stringContaining("byte order mark") },
  })
})

it("gives back what clients held that went away in the middle of their bodies", async () => {
  const desk = createBodyDesk(() => 0)
  for (let n = 0; n < 4; n++) {
    const request = reading(desk)
    const gone = new Promise((resolve) => request.on("close", resolve))
    // Nothing that names a model yet: it is held.
    request.write(Buffer.alloc(60 * MIB, " "))
    await new Promise(setImmediate)
    request.destroy()
    await gone
  }
  const next = reading(desk)
  next.end(Buffer.concat([Buffer.from('{"model":"m"}'), Buffer.alloc(30 * MIB, " ")]))
  expect(codeOf(await next.outcome)).toBe("read")
})

it("counts a body as held until its request is over", async () => {
  const desk = createBodyDesk(() => 0)
  const bodies: Outcome[] = []
  for (let n = 0; n < 4; n++) {
    const request = reading(desk)
    request.write(large)
    bodies.push(await request.outcome)
  }
  expect(bodies.map(codeOf)).toEqual(["read", "read", "read", "read"])
  const ask = async (): Promise<string> => {
    const request = reading(desk)
    request.write(large)
    return codeOf(await request.outcome)
  }
  expect(await ask()).toBe("gateway_error")
  const [first] = bodies
  if (first === undefined || isProblem(first)) throw new Error("the first body was not read")
  first.release()
  first.release()
  expect(await ask()).toBe("read")
  expect(await ask()).toBe("gateway_error")
})

it("ends those who send nothing for fifteen seconds, or a kilobyte a minute", async () => {
  let nowMs = 0
  const desk = createBodyDesk(() => nowMs)
  const silent = reading(desk)
  const slow = reading(desk)
  const steady = reading(desk)
  const over: string[] = []
  void silent.outcome.then((outcome) => over.push(`silent ${codeOf(outcome)}`))
  void slow.outcome.then((outcome) => over.push(`slow ${codeOf(outcome)}`))
  void steady.outcome.then((outcome) => over.push(`steady ${codeOf(outcome)}`))
  for (nowMs = 1_000; nowMs <= 30_000; nowMs += 1_000) {
    slow.write(" ")
    steady.write(" ".repeat(2_000))
    await new Promise(setImmediate)
    desk.tick(nowMs)
  }
  steady.end('{"model":"m"}')
  await steady.outcome
  expect(over).toEqual(["silent too_slow", "slow too_slow", "steady read"])
})

it("passes a form on as soon as it is long where the path has named the model", async () => {
  const desk = createBodyDesk(() => 0)
  const { promise, resolve } = Promise.withResolvers<Outcome>()
  const headers = { "content-type": "multipart/form-data; boundary=x" }
  const request = Object.assign(new PassThrough(), { headers })
  const upstream = { model: "whisper", rest: "/v1/audio/transcriptions" }
  desk.read(request as unknown as IncomingMessage, { path: "/upstream/x", upstream, isWhole: false }, resolve)
  request.write(
    `--x\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\n`.padEnd(200_000, "a"),
  )
  expect(await promise).toMatchObject({ model: "whisper", rest: request })
  request.destroy()
})

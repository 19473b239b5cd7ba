import { describe, expect, it } from "vitest"
import { parseFlags } from "./flags.ts"

const nothing = { demo: "auto", port: null, dataDir: null, configFile: null, envFile: null }

describe("parseFlags", () => {
  it.each([
    [[], {}],
    [["--demo"], { demo: "on" }],
    [["--demo=7"], { demo: 7 }],
    [["--no-demo"], { demo: "off" }],
    [["--port", "9600"], { port: 9600 }],
    [["--port=0"], { port: 0 }],
    [
      ["--data-dir", "/d", "--config=c.yaml", "--env-file", ".env"],
      { dataDir: "/d", configFile: "c.yaml", envFile: ".env" },
    ],
    [["--data-dir=/a=b"], { dataDir: "/a=b" }],
  ])("reads %j", (args, expected) => {
    expect(parseFlags(args)).toEqual({ kind: "flags", flags: { ...nothing, ...expected } })
  })

  it.each([
    [
      ["--prot", "9600"],
      ["--prot is not known", "9600 is not known"],
    ],
    [["--demo=0"], ["--demo=0: a number of hosts from 1 to 200 is allowed"]],
    [["--demo=many"], ["--demo=many: a number of hosts from 1 to 200 is allowed"]],
    [["--port", "http"], ['--port is "http"; a number from 0 to 65535 is allowed (0: any free one)']],
    [["--port", "65536"], ['--port is "65536"; a number from 0 to 65535 is allowed (0: any free one)']],
    [["--port"], ["--port needs a value"]],
    [["--config", "--demo"], ["--config needs a value"]],
    [
      ["--data-dir=", "--nope"],
      ["--data-dir needs a value", "--nope is not known"],
    ],
  ])("reports everything wrong with %j", (args, problems) => {
    expect(parseFlags(args)).toEqual({ kind: "wrong", problems })
  })
})

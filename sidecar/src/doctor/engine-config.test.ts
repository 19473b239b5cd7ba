import { describe, expect, it } from "vitest"
import { checkEngineConfig, judgeEngineConfig } from "./engine-config.ts"

const states = (text: string) => judgeEngineConfig(text).map(({ state }) => state)
const words = (text: string) =>
  judgeEngineConfig(text)
    .map(({ says, advice }) => `${says} ${advice ?? ""}`)
    .join("\n")

describe("what llama-swap's settings put at risk", () => {
  it("says the defaults where nothing is set", () => {
    expect(states("models: {}\n")).toEqual(["good", "notice"])
    expect(words("")).toContain("5 MB (llama-swap's default)")
    expect(words("")).toContain("metricsMaxInMemory 1000 (llama-swap's default)")
  })

  it("warns of captures that are off and of a short ring", () => {
    const text = "captureBuffer: 0\nmetricsMaxInMemory: 50\n"
    expect(states(text)).toEqual(["notice", "notice"])
    expect(words(text)).toContain("set metricsMaxInMemory: 1000 or more")
  })

  it("is content where rows are kept on disk", () => {
    expect(states("captureBuffer: 20\nstore:\n  path: /data/activity.db\n")).toEqual(["good", "good"])
  })

  it("says what is wrong with a file that is no YAML, or has other things in these places", () => {
    expect(judgeEngineConfig("a: [1")[0]?.state).toBe("bad")
    expect(judgeEngineConfig("captureBuffer: lots")[0]?.state).toBe("notice")
  })

  it.each([null, "/nowhere/config.yaml"])("says that it cannot tell without a readable file: %s", (path) => {
    const [finding] = checkEngineConfig(path)
    expect(finding?.state).toBe("notice")
    expect(finding?.advice).toContain("LLAMA_SWAP_CONFIG")
  })
})

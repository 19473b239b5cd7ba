import { instantOf } from "@boocontrol/shared/time"
import { describe, expect, it } from "vitest"
import { clockMinute } from "../../kit/format.ts"
import { NOW, aGpu, aHost, aModel, aRow, aSample } from "../../test/examples.ts"
import { freshSample, gaugesOf, hasGpu } from "./gauges.ts"
import { fullIdentityOf, identityOf, inChoice } from "./host.ts"
import { fleetTotals, outputRate } from "./totals.ts"
import { pulseOf, troublesOf } from "./trouble.ts"

const at = instantOf(NOW - 14 * 60_000)

describe("what is wrong with a host", () => {
  it.each([
    ["nothing", {}, [], "ok"],
    ["disabled", { enabled: false }, ["disabled"], "off"],
    ["never heard", { last_seen_at: null, liveness: "down" }, ["never heard from"], "off"],
    ["down", { liveness: "down", last_seen_at: at }, ["down · last seen 14 min ago"], "off"],
    [
      "reconnecting",
      { liveness: "reconnecting", last_seen_at: at },
      ["reconnecting · last seen 14 min ago"],
      "warn",
    ],
    [
      "a wrong API key, while reconnecting",
      {
        liveness: "reconnecting",
        last_seen_at: at,
        problem: { code: "K", message: "refuses the API key", since: at },
      },
      ["refuses the API key", "reconnecting · last seen 14 min ago"],
      "bad",
    ],
    ["a twin", { twin: { instance: "i", at } }, ["a twin was refused"], "bad"],
    [
      "records lost",
      { spool: { depth: 0, bytes: 0, oldest_at: null, dropped: 5 } },
      ["5 records lost"],
      "bad",
    ],
    [
      "a spool that cannot be written",
      {
        spool: {
          ...{ depth: 3, bytes: 0, oldest_at: null, dropped: 0, problem_at: instantOf(NOW - 60_000) },
          problem: "the spool cannot be written: no space left",
        },
      },
      [`spool not safe since ${clockMinute(NOW - 60_000)}`],
      "bad",
    ],
    [
      "a spool that cannot be written, as an older sidecar says it",
      { spool: { depth: 3, bytes: 0, oldest_at: null, dropped: 0, problem: "no space left" } },
      ["spool not safe"],
      "bad",
    ],
    [
      "a backlog",
      { spool: { depth: 1204, bytes: 0, oldest_at: null, dropped: 0 } },
      ["1,204 records wait on its disk"],
      "ok",
    ],
    [
      "a backlog of some age",
      { spool: { depth: 300, bytes: 0, oldest_at: instantOf(NOW - 720_000), dropped: 0 } },
      ["300 records wait on its disk, the oldest from 12 min ago"],
      "ok",
    ],
    ["a normal spool", { spool: { depth: 12, bytes: 0, oldest_at: null, dropped: 0 } }, [], "ok"],
    ["rejected messages", { rejected: { count: 1, reason: "r", at } }, ["1 message not understood"], "ok"],
    ["a failed model", { models: [aModel({ id: "m", state: "error" })] }, ["m failed"], "bad"],
    [
      "loading",
      {
        models: [
          aModel({ id: "m", state: "starting", state_since: instantOf(NOW - 6000), load_ms_typical: 9000 }),
        ],
      },
      ["loading, 6 s of about 9"],
      "warn",
    ],
    [
      "swapping",
      { models: [aModel({ id: "m", state: "starting" }), aModel({ id: "n", state: "stopping" })] },
      ["swapping"],
      "warn",
    ],
    [
      "no readings",
      { gpu_feed: { source: "nvidia-smi", state: "restarting", reason: "hung" } },
      ["no GPU readings"],
      "ok",
    ],
  ])("%s", (_name, given, texts, tone) => {
    const host = aHost(given)
    const troubles = troublesOf(host, null, NOW)
    expect(troubles.map(({ text }) => text)).toEqual(texts)
    expect(pulseOf(host, troubles).tone).toBe(tone)
  })

  it("says of a spool that is not safe why, what is at risk and what to do", () => {
    const spool = { depth: 3, bytes: 0, oldest_at: null, dropped: 0, problem: "no space left" }
    const [found] = troublesOf(aHost({ spool }), null, NOW)
    expect(found?.title).toMatch(
      /no space left.*lost if the sidecar or its machine stopped.*free space.*BOO_SPOOL_DIR/,
    )
  })

  it("a lost card is the worst, and needs attention", () => {
    const host = aHost({ rejected: { count: 1, reason: "r", at } })
    const [first] = troublesOf(host, aSample(NOW, [aGpu({ state: "lost" })]), NOW)
    expect(first).toMatchObject({ tone: "bad", text: "GPU lost" })
  })
})

describe("the gauges", () => {
  it("show one card as it is", () => {
    const gauges = gaugesOf(
      aHost(),
      aSample(NOW, [aGpu({ temp_c: 67, power_w: 175, power_limit_w: 350, util_pct: 93 })]),
    )
    expect(gauges.map(({ value, label, fraction }) => [value, label, fraction])).toEqual([
      ["67°", "Temp, °C", 0.67],
      ["175", "of 350 W", 0.5],
      ["93", "Busy, %", 0.93],
    ])
  })

  it("show the hottest, the sum and the mean of several", () => {
    const gpus = [
      aGpu({ temp_c: 60, power_w: 100, util_pct: 0 }),
      aGpu({ temp_c: 88, power_w: 250, util_pct: 100 }),
    ]
    const gauges = gaugesOf(aHost(), aSample(NOW, gpus))
    expect(gauges.map(({ value }) => value)).toEqual(["88°", "350", "50"])
    expect(gauges[0]?.tone).toBe("bad")
  })

  it("show a dash where nothing is known, never a zero", () => {
    expect(gaugesOf(aHost(), null).map(({ value, fraction }) => [value, fraction])).toEqual([
      ["–", null],
      ["–", null],
      ["–", null],
    ])
  })

  it("show the machine where there is no GPU, but not before the host said so", () => {
    const none = aHost({ gpus: [] })
    expect(gaugesOf(none, null)[0]?.label).toBe("CPU, %")
    expect(hasGpu(aHost({ gpus: [], hardware: null }), null)).toBe(true)
  })

  it("take no reading that is older than 15 s for the present", () => {
    expect(freshSample(aSample(NOW - 15_000), NOW)).not.toBeNull()
    expect(freshSample(aSample(NOW - 15_001), NOW)).toBeNull()
  })
})

describe("who a host is", () => {
  const { hardware } = aHost()
  it.each([
    ["as the operator names its cards", { gpu_label: "the big one" }, "Linux · the big one"],
    ["from its cards, with their memory", {}, "Linux · RTX 3090 24 GB"],
    [
      "from its cards, though the hub gave it a label of their names",
      { gpu_label: "RTX 3090" },
      "Linux · RTX 3090 24 GB",
    ],
    [
      "by the family of its system, not by its full name",
      { os: "Debian GNU/Linux 12 (bookworm)" },
      "Linux · RTX 3090 24 GB",
    ],
    [
      "on Windows",
      { os: "Microsoft Windows 11", hardware: { ...hardware, os_family: "windows" } },
      "Windows · RTX 3090 24 GB",
    ],
    ["without a GPU", { gpus: [] }, "Linux · no GPU"],
    ["before it spoke", { os: null, gpus: [], hardware: null }, ""],
    ["before it spoke, as it was enrolled", { os: "darwin", gpus: [], hardware: null }, "macOS"],
  ])("%s", (_name, given, text) => expect(identityOf(aHost(given))).toBe(text))

  it("counts equal cards, also under the label that the hub made of them", () => {
    const card = aHost().gpus[0]
    const gpus = [card, { ...card, index: 1 }]
    expect(identityOf(aHost({ gpus }))).toBe("Linux · 2 × RTX 3090 24 GB")
    expect(identityOf(aHost({ gpus, gpu_label: "2 x RTX 3090" }))).toBe("Linux · 2 × RTX 3090 24 GB")
  })

  it.each([
    [
      "names its memory itself",
      { name: "NVIDIA H100 80GB HBM3", memory_total_mib: 81_559 },
      "H100 80GB HBM3",
    ],
    ["does not say its memory", { name: "NVIDIA P104-100", memory_total_mib: null }, "P104-100"],
    ["has no name", { name: null, memory_total_mib: 8192 }, "GPU 8 GB"],
  ])("calls a card that %s as it is known", (_name, given, text) => {
    expect(identityOf(aHost({ gpus: [{ ...aHost().gpus[0], ...given }] }))).toBe(`Linux · ${text}`)
  })

  it("keeps the whole names for who wants to know", () => {
    expect(fullIdentityOf(aHost({ gpu_label: "the big one" }))).toBe(
      "Debian 12 · the big one · NVIDIA GeForce RTX 3090",
    )
  })

  it("is found by its name, its card, its models", () => {
    const host = aHost({ models: [aModel({ id: "Qwen3-8b", state: "ready" })] })
    expect(inChoice(host, false, { text: "qwen", only: "loaded" })).toBe(true)
    expect(inChoice(host, false, { text: "", only: "trouble" })).toBe(false)
    expect(inChoice(host, true, { text: "nothing", only: "all" })).toBe(false)
  })
})

describe("the fleet in figures", () => {
  it("sums what is known, without disabled hosts", () => {
    const rates = { requests_per_min: 10, errors_per_min: 0, swaps_1h: 2, swap_ms_1h: 9000 }
    const hosts = [
      aHost({ provider_id: "a", rates }),
      aHost({ provider_id: "b", liveness: "down", rates: null }),
      aHost({ provider_id: "c", enabled: false, rates }),
    ]
    const samples = new Map([["a", aSample(NOW, [aGpu({ mem_used_mib: 1000, power_w: 200 })])]])
    expect(fleetTotals(hosts, samples)).toMatchObject({
      hostsUp: 1,
      hosts: 2,
      vramUsedMib: 1000,
      vramTotalMib: 49_152,
      powerW: 200,
      reading: 1,
      requestsPerMin: 10,
      swaps: 2,
      swapMs: 9000,
    })
  })

  it("is unknown where nobody says", () => {
    expect(fleetTotals([aHost({ gpus: [] })], new Map())).toMatchObject({
      vramUsedMib: null,
      powerW: null,
      swaps: null,
    })
  })

  it("counts output of the last minute only, per host where asked", () => {
    const ended = (secondsAgo: number, tokens: number | null, host = "box") =>
      aRow(secondsAgo, {
        ts: instantOf(NOW - secondsAgo * 1000),
        output_tokens: tokens,
        provider_id: aHost({ provider_id: host }).provider_id,
      })
    const rows = [ended(1, 60), ended(30, null), ended(59, 120, "other"), ended(61, 9999)]
    expect([outputRate(rows, NOW), outputRate(rows, NOW, "box")]).toEqual([3, 1])
  })
})

import { chmodSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, it, onTestFinished, vi } from "vitest"
import type { GpuFeed } from "@boocontrol/shared/hosts"
import { systemClock } from "../../platform/clock.ts"
import type { Clock } from "../../platform/clock.ts"
import { gpuReader } from "./run.ts"
import { cardPower } from "./sleep.ts"
import type { Tick } from "./ticks.ts"

const HELP = `if [ "$1" = --help-query-gpu ]; then printf '"index"\\n"memory.used"\\n"uuid"\\n"utilization.gpu"\\n'; exit 0; fi\n`

/** Waits that are long in production take a hundredth here; what is measured in ticks is not touched. */
const hurried: Clock = {
  ...systemClock(),
  sleep: (ms, signal) => systemClock().sleep(ms / 100, signal),
}

function world(script: string, sysfs = "/nowhere") {
  const folder = mkdtempSync(join(tmpdir(), "boocontrol-smi-"))
  const program = join(folder, "nvidia-smi")
  writeFileSync(program, `#!/bin/sh\necho "$*" >> '${folder}/calls'\n${script}`)
  chmodSync(program, 0o755)
  const ticks: Tick[] = []
  const feeds: GpuFeed[] = []
  const rejected: string[] = []
  const reader = gpuReader({
    program,
    clock: hurried,
    log: { info: () => {}, warn: () => {} },
    power: cardPower(sysfs),
    onTick: (tick) => void ticks.push(tick),
    onFeed: (feed) => void feeds.push(feed),
    onRejected: (line) => void rejected.push(line),
  })
  onTestFinished(() => reader.stop())
  const calls = () => {
    try {
      return readFileSync(join(folder, "calls"), "utf8").trim().split("\n")
    } catch {
      return []
    }
  }
  return { reader, ticks, feeds, rejected, calls, folder, program }
}

describe("reading GPUs from nvidia-smi", () => {
  it("asks only for fields that the driver lists, and hands over ticks", async () => {
    const { reader, ticks, feeds, calls } = world(
      `${HELP}while :; do echo "0, GPU-a, 10, 100"; echo "1, GPU-b, 20, 200"; sleep 0.05; done`,
    )
    reader.start()
    await vi.waitFor(() => expect(ticks.length).toBeGreaterThan(2), 5_000)
    expect(calls()[1]).toBe(
      "--query-gpu=index,uuid,utilization.gpu,memory.used --format=csv,noheader,nounits -lms 1000",
    )
    expect(ticks[1]?.gpus.map(({ uuid, mem_used_mib }) => [uuid, mem_used_mib])).toEqual([
      ["GPU-a", 100],
      ["GPU-b", 200],
    ])
    expect(feeds).toEqual([{ source: "nvidia-smi", state: "streaming", reason: null }])
  })

  it("starts it again when it ends, and says why it ended", async () => {
    const { reader, ticks, feeds } = world(
      `${HELP}echo "0, GPU-a, 10, 100"; echo "0, GPU-a, 10, 101"; echo "driver went away" >&2; exit 3`,
    )
    reader.start()
    await vi.waitFor(() => expect(ticks.length).toBeGreaterThan(4), 5_000)
    expect(feeds.slice(0, 3).map(({ state, reason }) => [state, reason])).toEqual([
      ["streaming", null],
      ["restarting", "driver went away"],
      ["streaming", null],
    ])
  })

  it("ends one that hangs, and starts another", async () => {
    const { reader, ticks, feeds, folder } = world(
      `${HELP}echo "0, GPU-a, 10, 100"; echo "0, GPU-a, 10, 101"; echo $$ > "\${0%/*}/pid"; exec sleep 600`,
    )
    reader.start()
    await vi.waitFor(() => expect(ticks).toHaveLength(2), 5_000)
    const pid = Number(readFileSync(join(folder, "pid"), "utf8"))
    for (let second = 0; second < 5; second += 1) reader.watch()
    expect(feeds.at(-1)?.state).toBe("streaming")
    reader.watch()
    await vi.waitFor(() =>
      expect(feeds.some(({ reason }) => reason?.includes("said nothing for 5 s"))).toBe(true),
    )
    await vi.waitFor(() => expect(ticks.length).toBeGreaterThan(2), 5_000)
    expect(() => process.kill(pid, 0)).toThrow("ESRCH")
  })

  it("counts garbage and goes on", async () => {
    const { reader, ticks, rejected } = world(
      `${HELP}while :; do echo "0, GPU-a, 10, 100"; printf '\\000\\377%%PDF,,,\\n'; sleep 0.05; done`,
    )
    reader.start()
    await vi.waitFor(() => expect(ticks.length).toBeGreaterThan(2), 5_000)
    expect(rejected.length).toBeGreaterThan(0)
  })

  it("says that a card is lost and that it is back", async () => {
    const { reader, ticks } = world(
      `${HELP}n=0; while :; do n=$((n+1)); echo "0, GPU-a, 10, 100"; [ $n -gt 2 ] && [ $n -lt 6 ] || echo "1, GPU-b, 5, 50"; sleep 0.05; done`,
    )
    reader.start()
    await vi.waitFor(() => expect(ticks.some(({ returned }) => returned.length > 0)).toBe(true), 5_000)
    expect(ticks.flatMap(({ lost }) => lost.map(({ uuid }) => uuid))).toEqual(["GPU-b"])
    expect(ticks.flatMap(({ returned }) => returned.map(({ uuid }) => uuid))).toEqual(["GPU-b"])
    expect(ticks.at(-1)?.gpus).toHaveLength(2)
  })

  it.each([
    ["is not there", null, /is not there$/],
    ["has no driver", "echo 'NVIDIA-SMI has failed because it could not'; exit 9", /NVIDIA-SMI has failed/],
  ])("is unavailable where nvidia-smi %s, with the reason", async (_, script, reason) => {
    const { program } = world(script ?? "")
    const feeds: GpuFeed[] = []
    const reader = gpuReader({
      program: script === null ? `${program}-missing` : program,
      clock: hurried,
      log: { info: () => {}, warn: () => {} },
      power: cardPower("/nowhere"),
      onTick: () => {},
      onFeed: (feed) => void feeds.push(feed),
      onRejected: () => {},
    })
    onTestFinished(() => reader.stop())
    reader.start()
    await vi.waitFor(() => expect(feeds).toHaveLength(1), 5_000)
    expect(feeds[0]).toMatchObject({ source: null, state: "unavailable" })
    expect(feeds[0]?.reason).toMatch(reason)
  })

  it("does not touch cards that are suspended, and shows them asleep until they wake", async () => {
    const sysfs = mkdtempSync(join(tmpdir(), "boocontrol-pci-"))
    const card = join(sysfs, "0000:01:00.0")
    mkdirSync(join(card, "power"), { recursive: true })
    writeFileSync(join(card, "vendor"), "0x10de\n")
    writeFileSync(join(card, "class"), "0x030000\n")
    writeFileSync(join(card, "power/runtime_status"), "suspended\n")
    const { reader, ticks, calls } = world(
      `${HELP}while :; do echo "0, GPU-a, 10, 100"; sleep 0.05; done`,
      sysfs,
    )
    reader.start()
    await vi.waitFor(() => expect(reader.feed().state).toBe("asleep"))
    expect(reader.asleep()).toMatchObject([{ index: 0, state: "asleep", mem_used_mib: null }])
    expect(calls()).toEqual([])
    writeFileSync(join(card, "power/runtime_status"), "active\n")
    await vi.waitFor(() => expect(ticks.length).toBeGreaterThan(0), 5_000)
    expect(reader.asleep()).toBeNull()
  })

  it("ends its child when it is stopped", async () => {
    const { reader, ticks, folder } = world(
      `${HELP}echo $$ > "\${0%/*}/pid"; while :; do echo "0, GPU-a, 10, 100"; sleep 0.05; done`,
    )
    reader.start()
    await vi.waitFor(() => expect(ticks.length).toBeGreaterThan(0), 5_000)
    await reader.stop()
    const pid = Number(readFileSync(join(folder, "pid"), "utf8"))
    expect(() => process.kill(pid, 0)).toThrow("ESRCH")
  })
})

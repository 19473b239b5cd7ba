// @vitest-environment happy-dom
import { FleetSnapshot } from "@boocontrol/shared/fleet"
import { instantOf } from "@boocontrol/shared/time"
import { expect, it } from "vitest"
import { writeFirstScreen } from "./first-screen.ts"
import { NOW, aGpu, aHost, aModel, aSample, snapshotOf } from "./test/examples.ts"

const PAGE = `<!doctype html><html lang="en"><head><title>x</title></head><body><div id="app"><!--first-screen--><p>waiting</p><!--/first-screen--></div></body></html>`

async function written(hosts: ReturnType<typeof aHost>[], base = "/") {
  const html = await writeFirstScreen({ page: PAGE, snapshot: FleetSnapshot.parse(snapshotOf(hosts)), base })
  return { html, document: new DOMParser().parseFromString(html, "text/html") }
}
const textOf = (element: Element | null) => element?.textContent?.replaceAll(/\s+/g, " ").trim()

const ready = aModel({ id: "qwen3-8b", state: "ready", ttl_s: 0 })
const live = aHost({ models: [ready], sample: aSample(NOW - 500, [aGpu({ mem_used_mib: 10_240 })]) })

it("shows each host with its figures and its models, and says of when they are", async () => {
  const { document } = await written([live])
  expect(document.documentElement.dataset["asOf"]).toBe(instantOf(NOW))
  expect(document.querySelector(".as-of")?.textContent).toBe("Connecting · as of 12:00:00 UTC")
  const card = document.querySelector("[data-host=box]")
  expect(textOf(card?.querySelector(".used") ?? null)).toBe("10.0of 24.0 GiB VRAM")
  expect(textOf(card?.querySelector("[data-model=qwen3-8b]") ?? null)).toContain("ready · stays")
  expect(document.body.textContent).not.toContain("waiting")
})

it("shows no old figure as one of now, and times of day with their zone", async () => {
  const old = aSample(NOW - 60_000, [aGpu({ mem_used_mib: 10_240 })])
  const gone = aHost({
    liveness: "down",
    last_seen_at: instantOf(NOW - 14 * 60_000),
    models: [aModel({ id: "qwen3-8b", state: null })],
    sample: old,
  })
  const { document } = await written([gone])
  expect(textOf(document.querySelector(".used"))).toBe("–of 24.0 GiB VRAM")
  expect(document.querySelector(".trouble")?.textContent).toContain("down · last seen 14 min ago")
  expect(document.querySelector("[data-model]")?.textContent).toContain("unknown since 11:46 UTC")
})

it("holds no markup that came from a host", async () => {
  const evil = `<script>alert(1)</script>`
  const { html, document } = await written([
    aHost({ display_name: evil, models: [aModel({ id: `"><img src=x onerror=alert(1)>`, name: evil })] }),
  ])
  expect(html).not.toContain("<script")
  expect(document.querySelector("img")).toBeNull()
  expect(document.querySelector("h2")?.textContent).toBe(evil)
})

it("links below the base path, and can be painted only once it is whole", async () => {
  const { document } = await written([live], "/control/")
  expect(document.querySelector("h2 a")?.getAttribute("href")).toBe("/control/hosts/box")
  const waitsFor = document.querySelector("link[rel=expect]")?.getAttribute("href")
  expect(document.querySelector(waitsFor ?? "none")).not.toBeNull()
})

it("draws what surely fits and names the rest, so that a search of the page finds it", async () => {
  const hosts = Array.from({ length: 40 }, (_, n) =>
    aHost({ provider_id: `h${n}`, display_name: `box ${n}` }),
  )
  const { document } = await written(hosts)
  expect(document.querySelectorAll("[data-host]")).toHaveLength(40)
  expect(document.querySelectorAll(".instruments")).toHaveLength(6)
  expect(document.body.textContent).toContain("box 39")
})

it("says how to begin where no host is enrolled", async () => {
  const { document } = await written([])
  expect(document.body.textContent).toContain("No host has been enrolled yet")
})

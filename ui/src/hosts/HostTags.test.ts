// @vitest-environment happy-dom
import { FleetFrame } from "@boocontrol/shared/frames"
import { expect, it } from "vitest"
import { aHost, deltaOf } from "../test/examples.ts"
import { cockpit } from "../test/mounted.ts"
import HostTags from "./HostTags.vue"

it("asks the hub for one more tag, and shows it only when the host's frame has it", async () => {
  const host = aHost({ tags: ["lab"] })
  const { api, fleet, show } = cockpit([host])
  const shown = show(HostTags, { host })
  await shown.get("input").setValue(" home ")
  await shown.get("form").trigger("submit")
  expect(api.asked).toEqual([{ path: "hosts/box", query: {}, body: { tags: ["lab", "home"] } }])
  await shown.vm.$nextTick()
  expect(shown.findAll(".tag").map((tag) => tag.text())).toEqual(["lab"])
  expect(shown.get("[role=status]").text()).toBe("asked, waiting")
  fleet.apply(FleetFrame.parse(deltaOf(host, 11, { tags: ["lab", "home"] })))
  await shown.setProps({ host: fleet.host(host.provider_id) })
  expect(shown.findAll(".tag").map((tag) => tag.text())).toEqual(["lab", "home"])
  expect(shown.find("[role=status]").exists()).toBe(false)
})

it("takes one away", async () => {
  const host = aHost({ tags: ["lab", "home"] })
  const { api, show } = cockpit([host])
  await show(HostTags, { host }).get("[aria-label='Take the tag lab away']").trigger("click")
  expect(api.asked.map(({ body }) => body)).toEqual([{ tags: ["home"] }])
})

// @vitest-environment happy-dom
import { flushPromises } from "@vue/test-utils"
import { instantOf } from "@boocontrol/shared/time"
import { expect, it } from "vitest"
import { ApiError } from "../platform/api.ts"
import { NOW, aHost } from "../test/examples.ts"
import { cockpit, wordsOf } from "../test/mounted.ts"
import OnBoarding from "./OnBoarding.vue"

const COMMAND = "boocontrol-sidecar enroll --hub http://boo.lan:9503 --token booe_x && boocontrol-sidecar run"
const registered = {
  ...{ provider_id: "my-gpu-box", display_name: "My GPU box", os: null, gpu_label: null, tags: [] },
  ...{ enabled: true, simulated: false, advertise_url: null, created_at: instantOf(NOW), last_seen_at: null },
  enrolment: {
    ...{ command: COMMAND, expires_at: instantOf(NOW + 86_400_000), run_command: "x", creds_file: null },
    nats_url: "nats://127.0.0.1:4222",
  },
}

it("gives a machine an id and shows the line to run on it", async () => {
  const { api, show } = cockpit()
  const shown = show(OnBoarding)
  api.answers.push(registered)
  await shown.get("input").setValue("My GPU box")
  await shown.get("form").trigger("submit")
  await flushPromises()
  expect(api.asked).toEqual([
    { path: "hosts", query: {}, body: { provider_id: "my-gpu-box", display_name: "My GPU box" } },
  ])
  await expect.poll(() => shown.find("pre").exists()).toBe(true)
  expect(shown.get("pre").text()).toBe(COMMAND)
  expect(wordsOf(shown)).toContain("only the hub's own machine can reach")
})

it("says whom it waits for", () => {
  const host = aHost({ display_name: "My GPU box", liveness: "down", last_seen_at: null })
  expect(cockpit([host]).show(OnBoarding).get(".waits").text()).toContain("first word of My GPU box")
  expect(cockpit().show(OnBoarding).find(".waits").exists()).toBe(false)
})

it("says why a host was not enrolled", async () => {
  const { api, show } = cockpit()
  const shown = show(OnBoarding)
  api.answers.push(new ApiError("There is a host box already", { code: "HOST_EXISTS", status: 409 }))
  await shown.get("input").setValue("box")
  await shown.get("form").trigger("submit")
  await flushPromises()
  expect(shown.get("[role=alert]").text()).toBe("There is a host box already")
  expect(shown.find("pre").exists()).toBe(false)
})

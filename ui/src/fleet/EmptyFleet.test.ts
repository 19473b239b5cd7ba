// @vitest-environment happy-dom
import { flushPromises } from "@vue/test-utils"
import { instantOf } from "@boocontrol/shared/time"
import { describe, expect, it } from "vitest"
import { ApiError } from "../platform/api.ts"
import { NOW } from "../test/examples.ts"
import { cockpit, wordsOf } from "../test/mounted.ts"
import EmptyFleet from "./EmptyFleet.vue"

const COMMAND = "boocontrol-sidecar enroll --hub http://boo.lan:9503 --token booe_x && boocontrol-sidecar run"
const REGISTERED = {
  ...{ provider_id: "box", display_name: "box", os: null, gpu_label: null, tags: [], enabled: true },
  ...{ simulated: false, advertise_url: null, created_at: instantOf(NOW), last_seen_at: null },
  enrolment: {
    ...{ command: COMMAND, expires_at: instantOf(NOW + 86_400_000), run_command: "x", creds_file: null },
    nats_url: "nats://boo.lan:4222",
  },
}

async function enrolling(answer: unknown) {
  const { show, api } = cockpit()
  api.answers.push(answer)
  const shown = show(EmptyFleet)
  await shown.get("input").setValue("box")
  await shown.get("form").trigger("submit")
  await flushPromises()
  await expect.poll(() => shown.find("button[disabled]").exists()).toBe(false)
  return { shown, api }
}

describe("a cockpit without hosts", () => {
  it("registers one, and shows the line to paste until it was read", async () => {
    const { shown, api } = await enrolling(REGISTERED)
    expect(api.asked).toEqual([{ path: "/hosts", query: {}, body: { provider_id: "box" } }])
    expect(shown.get("code").text()).toBe(COMMAND)
    expect(shown.emitted("open")).toEqual([[true]])
    await shown.get("button").trigger("click")
    expect(shown.emitted("open")).toEqual([[true], [false]])
  })

  it("says the hub's reason when it does not", async () => {
    const { shown } = await enrolling(
      new ApiError("Host box is registered already", { code: "HOST_EXISTS", status: 409 }),
    )
    expect(wordsOf(shown)).toContain("Host box is registered already")
    expect(shown.emitted("open")).toEqual([[true], [false]])
  })
})

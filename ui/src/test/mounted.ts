import type { Topic } from "@boocontrol/shared/frames"
import { FleetFrame } from "@boocontrol/shared/frames"
import type { FleetHost } from "@boocontrol/shared/fleet"
import { createPinia, setActivePinia } from "pinia"
import { flushPromises, mount } from "@vue/test-utils"
import { shallowRef } from "vue"
import type { Component } from "vue"
import { createMemoryHistory } from "vue-router"
import { useFleet } from "../fleet/store.ts"
import { API } from "../platform/api.ts"
import { CLOCK } from "../platform/clock.ts"
import { SESSION, createSession } from "../platform/session.ts"
import { SETTLED } from "../platform/settled.ts"
import { SOCKET } from "../platform/socket.ts"
import type { SocketStatus } from "../platform/socket.ts"
import { createAppRouter } from "../router.ts"
import { useTelemetry } from "../telemetry/store.ts"
import { RecordingApi } from "./app.ts"
import { NOW, snapshotOf } from "./examples.ts"

/** A component in a cockpit of its own: real stores, a clock that is moved by hand, a socket that only notes. */
export function cockpit(hosts: readonly FleetHost[] = []) {
  const pinia = createPinia()
  setActivePinia(pinia)
  const now = shallowRef(NOW)
  const status = shallowRef<SocketStatus>({
    ...{ phase: "open", lostAt: null, wasOpen: true, rejected: 0, rejection: null },
  })
  const needed: Topic[] = []
  const doubted: number[] = []
  const nothing = () => undefined
  const waiting = new Set<() => void>()
  const api = new RecordingApi()
  let begun = 0
  const session = createSession(api.asApi(), () => void begun++)
  const provide = {
    [CLOCK]: {
      ...{ now, nowMs: () => now.value, monotonicMs: () => now.value },
      ...{ noteHubTime: nothing, stop: nothing },
      after: (_delayMs: number, run: () => void) => {
        waiting.add(run)
        return () => waiting.delete(run)
      },
    },
    [API]: api.asApi(),
    [SESSION]: session,
    [SETTLED]: shallowRef(true),
    [SOCKET]: {
      ...{ status, resync: nothing, start: nothing, stop: nothing },
      leaveIfSilent: (sinceMs: number) => doubted.push(sinceMs),
      need: (topic: Topic) => {
        needed.push(topic)
        return nothing
      },
    },
  }
  const global = { plugins: [pinia, createAppRouter(createMemoryHistory("/"))], provide }
  const stores: { fleet: ReturnType<typeof useFleet>; telemetry: ReturnType<typeof useTelemetry> }[] = []
  // Made where what they need is provided.
  const setup = () => {
    stores.push({ fleet: useFleet(), telemetry: useTelemetry() })
    return () => null
  }
  mount({ setup }, { global })
  const [store] = stores
  if (!store) throw new Error("the stores were not made")
  const { fleet, telemetry } = store
  const frame = FleetFrame.parse(snapshotOf(hosts))
  fleet.apply(frame)
  if ("hosts" in frame) telemetry.applySnapshot(frame)
  return {
    now,
    status,
    needed,
    /** Since when the socket was asked to have heard something. */
    doubted,
    api,
    session,
    /** How often the page was begun anew. */
    begun: () => begun,
    fleet,
    /** Runs what waited for its time when it was called, and what comes of it. */
    async runWaiting() {
      for (const run of [...waiting]) {
        waiting.delete(run)
        run()
      }
      await flushPromises()
    },
    show: (component: Component, props: Record<string, unknown> = {}) =>
      mount(component, { props, global, attachTo: document.body }),
  }
}

export function wordsOf(element: { text: () => string }): string {
  return element.text().replaceAll(/\s+/g, " ")
}

import type { FleetSnapshot } from "@boocontrol/shared/fleet"
import { epochMsOf } from "@boocontrol/shared/time"
import { createPinia } from "pinia"
import { createSSRApp, shallowRef } from "vue"
import type { App } from "vue"
import { createMemoryHistory } from "vue-router"
import { renderToString } from "vue/server-renderer"
import { useFleet } from "./fleet/store.ts"
import { clockTime, writeTimesInUtc } from "./kit/format.ts"
import { API, createApi } from "./platform/api.ts"
import { CLOCK } from "./platform/clock.ts"
import { FIRST_SCREEN } from "./platform/first-screen.ts"
import { LATENCY } from "./platform/latency.ts"
import { SESSION, createSession } from "./platform/session.ts"
import { SETTLED } from "./platform/settled.ts"
import { SOCKET } from "./platform/socket.ts"
import type { SocketStatus } from "./platform/socket.ts"
import { THEME } from "./platform/theme.ts"
import type { ThemeChoice, ThemeName } from "./platform/theme.ts"
import { createAppRouter } from "./router.ts"
import AppShell from "./shell/AppShell.vue"
import { useTelemetry } from "./telemetry/store.ts"

/** What the hub hands over; it knows this module only by this one function. */
interface Given {
  /** index.html as it was built. */
  readonly page: string
  readonly snapshot: FleetSnapshot
  /** `/` or `/control/`. */
  readonly base: string
}

const PLACE = /<!--first-screen-->[\s\S]*<!--\/first-screen-->/
// Nothing is painted before all of it is here: a page that comes in two pieces would be laid out twice.
const END = "written"
const WAIT = `<link rel="expect" href="#${END}" blocking="render">`
const nothing = () => undefined

writeTimesInUtc()

/** The page with the fleet on it, drawn by the same components that take its place as soon as they are in the browser. */
export async function writeFirstScreen({ page, snapshot, base }: Given): Promise<string> {
  const router = createAppRouter(createMemoryHistory(base))
  const app = createSSRApp(AppShell).use(createPinia()).use(router)
  provideOneMoment(app, epochMsOf(snapshot.at))
  app.runWithContext(() => {
    useFleet().apply({ ...snapshot, type: "control_fleet", kind: "snapshot" })
    useTelemetry().applySnapshot(snapshot)
  })
  await router.push("/")
  const html = await renderToString(app)
  return page
    .replace(/<html\b/, `<html data-as-of="${snapshot.at}"`)
    .replace(PLACE, () => `${html}<i id="${END}" hidden></i>`)
    .replace("</head>", () => `${WAIT}</head>`)
}

/** Time stands still, nothing is asked, nobody is connected yet. */
function provideOneMoment(app: App, nowMs: number): void {
  const status: SocketStatus = {
    phase: "connecting",
    lostAt: null,
    wasOpen: false,
    rejected: 0,
    rejection: null,
  }
  const api = createApi("/")
  app
    .provide(FIRST_SCREEN, { asOf: clockTime(nowMs) })
    .provide(CLOCK, {
      now: shallowRef(nowMs),
      nowMs: () => nowMs,
      monotonicMs: () => 0,
      noteHubTime: nothing,
      after: () => nothing,
      stop: nothing,
    })
    .provide(API, api)
    .provide(SESSION, createSession(api, nothing))
    .provide(LATENCY, { eventToScreenMs: shallowRef(null), note: nothing })
    .provide(THEME, {
      choice: shallowRef<ThemeChoice>("system"),
      name: shallowRef<ThemeName>("dark"),
      choose: nothing,
    })
    .provide(SETTLED, shallowRef(false))
    .provide(SOCKET, {
      status: shallowRef(status),
      need: () => nothing,
      resync: nothing,
      leaveIfSilent: nothing,
      start: nothing,
      stop: nothing,
    })
}

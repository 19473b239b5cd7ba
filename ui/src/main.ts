import { createPinia } from "pinia"
import { createApp, watch } from "vue"
import { createWebHistory } from "vue-router"
import { useFleet } from "./fleet/store.ts"
import { createFrameHandlers } from "./frame-handlers.ts"
import { useArrivingLogs } from "./logs/arriving.ts"
import { API, createApi } from "./platform/api.ts"
import { CLOCK, createClock } from "./platform/clock.ts"
import { loadFonts } from "./platform/fonts.ts"
import { createFrameReader } from "./platform/frame-reader.ts"
import { LATENCY, afterPaint, createLatency } from "./platform/latency.ts"
import { SESSION, createSession } from "./platform/session.ts"
import { SETTLED, createSettled } from "./platform/settled.ts"
import { SOCKET, createSocket, openWebSocket } from "./platform/socket.ts"
import { takeOver } from "./platform/take-over.ts"
import { THEME, createTheme } from "./platform/theme.ts"
import { createAppRouter } from "./router.ts"
import AppShell from "./shell/AppShell.vue"
import { useTelemetry } from "./telemetry/store.ts"

const base = new URL("./", document.baseURI)
const apiUrl = new URL("api/control/", base)
const socketUrl = new URL("ws", apiUrl)
socketUrl.protocol = base.protocol === "https:" ? "wss:" : "ws:"

// Longer than a hub at hand takes to say its fleet; a page without it is drawn then, and says what it waits for. A page
// that holds the fleet already, as of a moment, is of more use than that for some seconds.
const isWritten = document.documentElement.dataset["asOf"] !== undefined
const FLEET_PATIENCE_MS = isWritten ? 4000 : 300

// Without them the page is in a system font, and as good.
void loadFonts().catch(() => undefined)

const clock = createClock()
const { settled, drawn } = createSettled()
const latency = createLatency({ monotonicMs: clock.monotonicMs, afterPaint })
const api = createApi(apiUrl.href, { refused: () => void session.look() })
const session = createSession(api, () => location.reload())
const app = createApp(AppShell)
  .use(createPinia())
  .provide(CLOCK, clock)
  .provide(API, api)
  .provide(SESSION, session)
  .provide(LATENCY, latency)
  .provide(THEME, createTheme())
  .provide(SETTLED, settled)

const fleetIsHere = app.runWithContext(() => {
  const fleet = useFleet()
  const telemetry = useTelemetry()
  const logs = useArrivingLogs()
  const socket = createSocket({
    open: openWebSocket(socketUrl.href),
    read: createFrameReader(async () => (await import("./platform/schemas.ts")).Frame),
    handlers: createFrameHandlers({ clock, resync: (host) => socket.resync(host) }),
    clock,
    random: Math.random,
    lost() {
      fleet.lost()
      telemetry.lost()
      logs.lost()
    },
    arrived: latency.note,
  })
  app.provide(SOCKET, socket)
  // A socket cannot be told why it is refused.
  watch(
    () => socket.status.value.lostAt !== null,
    (isLost) => isLost && void session.look(),
  )
  // Before anything is drawn: the snapshot is on its way while the page is built.
  socket.start()
  return new Promise<void>((resolve) => {
    watch(
      () => fleet.loaded,
      () => resolve(),
      { once: true, flush: "sync" },
    )
    clock.after(FLEET_PATIENCE_MS, resolve)
  })
})

// The path of <base href>, which the hub writes into the page.
const router = createAppRouter(createWebHistory(base.pathname))
router.afterEach((to) => {
  const what = typeof to.params["id"] === "string" ? to.params["id"] : to.meta["title"]
  document.title = `${what} · BooControl`
})
app.use(router)
// One drawing with the fleet in it instead of one without it first: what stands on screen until then looks the same.
void Promise.all([fleetIsHere, router.isReady().catch(() => undefined)]).then(() => {
  takeOver(() => app.mount("#app"))
  drawn()
  void session.look()
})

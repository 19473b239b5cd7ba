import { createPinia } from "pinia"
import { createApp, watch } from "vue"
import { useFleet } from "./fleet/store.ts"
import { createFrameHandlers } from "./frame-handlers.ts"
import { API, createApi } from "./platform/api.ts"
import { CLOCK, createClock } from "./platform/clock.ts"
import { createFrameReader } from "./platform/frame-reader.ts"
import { LATENCY, afterPaint, createLatency } from "./platform/latency.ts"
import { SETTLED, createSettled } from "./platform/settled.ts"
import { SOCKET, createSocket, openWebSocket } from "./platform/socket.ts"
import { THEME, createTheme } from "./platform/theme.ts"
import { createAppRouter } from "./router.ts"
import AppShell from "./shell/AppShell.vue"
import { useTelemetry } from "./telemetry/store.ts"

const base = new URL("./", document.baseURI)
const apiUrl = new URL("api/control/", base)
const socketUrl = new URL("ws", apiUrl)
socketUrl.protocol = base.protocol === "https:" ? "wss:" : "ws:"

// Longer than a hub at hand takes to say its fleet; a page without it is drawn then, and says what it waits for.
const FLEET_PATIENCE_MS = 300

const clock = createClock()
const { settled, drawn } = createSettled()
const latency = createLatency({ monotonicMs: clock.monotonicMs, afterPaint })
const app = createApp(AppShell)
  .use(createPinia())
  .provide(CLOCK, clock)
  .provide(API, createApi(apiUrl.href))
  .provide(LATENCY, latency)
  .provide(THEME, createTheme())
  .provide(SETTLED, settled)

const fleetIsHere = app.runWithContext(() => {
  const fleet = useFleet()
  const telemetry = useTelemetry()
  const socket = createSocket({
    open: openWebSocket(socketUrl.href),
    read: createFrameReader(async () => (await import("./platform/schemas.ts")).Frame),
    handlers: createFrameHandlers({ clock, resync: (host) => socket.resync(host) }),
    clock,
    random: Math.random,
    lost() {
      fleet.lost()
      telemetry.lost()
    },
    arrived: latency.note,
  })
  app.provide(SOCKET, socket)
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

const router = createAppRouter(base.pathname)
app.use(router)
// One drawing with the fleet in it instead of one without it first: what stands on screen until then looks the same.
void Promise.all([fleetIsHere, router.isReady().catch(() => undefined)]).then(() => {
  app.mount("#app")
  drawn()
})

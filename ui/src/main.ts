import { createPinia } from "pinia"
import { createApp } from "vue"
import * as z from "zod/mini"
import { useFleet } from "./fleet/store.ts"
import { createFrameHandlers } from "./frame-handlers.ts"
import { API, createApi } from "./platform/api.ts"
import { CLOCK, createClock } from "./platform/clock.ts"
import { LATENCY, afterPaint, createLatency } from "./platform/latency.ts"
import { SOCKET, createSocket, openWebSocket } from "./platform/socket.ts"
import { THEME, createTheme } from "./platform/theme.ts"
import { createAppRouter } from "./router.ts"
import AppShell from "./shell/AppShell.vue"
import { useTelemetry } from "./telemetry/store.ts"

// The hub's content security policy forbids code made of strings, which zod would otherwise try.
z.config({ jitless: true })

const base = new URL("./", document.baseURI)
const apiUrl = new URL("api/control/", base)
const socketUrl = new URL("ws", apiUrl)
socketUrl.protocol = base.protocol === "https:" ? "wss:" : "ws:"

const clock = createClock()
const latency = createLatency({ monotonicMs: clock.monotonicMs, afterPaint })
const app = createApp(AppShell)
  .use(createPinia())
  .provide(CLOCK, clock)
  .provide(API, createApi(apiUrl.href))
  .provide(LATENCY, latency)
  .provide(THEME, createTheme())

app.runWithContext(() => {
  const fleet = useFleet()
  const telemetry = useTelemetry()
  const socket = createSocket({
    open: openWebSocket(socketUrl.href),
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
})

const router = createAppRouter(base.pathname)
app.use(router)
app.mount("#app")

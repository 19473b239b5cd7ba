import { createRouter } from "vue-router"
import type { Router, RouterHistory } from "vue-router"
import FleetPage from "./fleet/FleetPage.vue"

declare module "vue-router" {
  interface RouteMeta {
    title: string
  }
}

/** Pages come when they are asked for, but for the first one, which comes with the shell. */
export function createAppRouter(history: RouterHistory): Router {
  return createRouter({
    history,
    routes: [
      {
        path: "/",
        name: "fleet",
        component: FleetPage,
        meta: { title: "Fleet" },
      },
      {
        path: "/activity",
        name: "activity",
        component: () => import("./activity/ActivityPage.vue"),
        meta: { title: "Activity" },
      },
      {
        path: "/hosts/:id",
        name: "host",
        component: () => import("./hosts/HostPage.vue"),
        props: true,
        meta: { title: "Host" },
      },
      {
        path: "/timeline/:id?",
        name: "timeline",
        component: () => import("./timeline/TimelinePage.vue"),
        props: true,
        meta: { title: "Timeline" },
      },
      {
        path: "/logs",
        name: "logs",
        component: () => import("./logs/LogsPage.vue"),
        meta: { title: "Logs" },
      },
      {
        path: "/routing",
        name: "routing",
        component: () => import("./routing/RoutingPage.vue"),
        meta: { title: "Routing" },
      },
      {
        path: "/keys",
        name: "keys",
        component: () => import("./keys/KeysPage.vue"),
        meta: { title: "Keys" },
      },
      {
        path: "/leases",
        name: "leases",
        component: () => import("./leases/LeasesPage.vue"),
        meta: { title: "Leases" },
      },
      {
        path: "/storage",
        name: "storage",
        component: () => import("./retention/StoragePage.vue"),
        meta: { title: "Storage" },
      },
      {
        path: "/playground",
        name: "playground",
        component: () => import("./shell/PlaygroundPage.vue"),
        meta: { title: "Playground" },
      },
      {
        path: "/:rest(.*)*",
        name: "nowhere",
        component: () => import("./shell/NoSuchPage.vue"),
        meta: { title: "Not found" },
      },
    ],
  })
}

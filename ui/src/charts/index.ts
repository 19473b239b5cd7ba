import { defineAsyncComponent } from "vue"

/** All chart code is one chunk that comes with the first chart. */
export const ThemedChart = defineAsyncComponent(() => import("./ThemedChart.vue"))

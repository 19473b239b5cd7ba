import { onBeforeUnmount, onMounted, shallowRef } from "vue"
import type { ShallowRef } from "vue"

// Two cards and the feed beside them; FleetPage.vue keeps the place for it by the same width.
const WIDE = "(min-width: 1180px)"

/** True while there is room for the live feed beside the cards. */
export function useWide(): Readonly<ShallowRef<boolean>> {
  const wide = shallowRef(false)
  onMounted(() => {
    const media = matchMedia(WIDE)
    const follow = () => {
      wide.value = media.matches
    }
    follow()
    media.addEventListener("change", follow)
    onBeforeUnmount(() => media.removeEventListener("change", follow))
  })
  return wide
}

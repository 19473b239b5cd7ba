import { onScopeDispose, shallowRef } from "vue"
import type { ShallowRef } from "vue"

// Two cards and the feed beside them.
const WIDE = "(min-width: 1180px)"

/** True while there is room for the live feed beside the cards. */
export function useWide(): Readonly<ShallowRef<boolean>> {
  const media = matchMedia(WIDE)
  const wide = shallowRef(media.matches)
  const follow = () => {
    wide.value = media.matches
  }
  media.addEventListener("change", follow)
  onScopeDispose(() => media.removeEventListener("change", follow))
  return wide
}

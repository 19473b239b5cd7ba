import { onScopeDispose, shallowRef, watch } from "vue"
import type { Ref, ShallowRef } from "vue"

// One screen ahead, so that a card is drawn before a scroll reaches it.
const MARGIN = "600px 0px"

/** True while the element is on screen or close to it. `eager`: assumed so until the browser has said. */
export function useNearScreen(
  element: Readonly<Ref<HTMLElement | null>>,
  eager: boolean,
): Readonly<ShallowRef<boolean>> {
  const near = shallowRef(eager)
  const observer = new IntersectionObserver(
    (entries) => {
      near.value = entries.at(-1)?.isIntersecting ?? near.value
    },
    { rootMargin: MARGIN },
  )
  watch(
    element,
    (now, before) => {
      if (before) observer.unobserve(before)
      if (now) observer.observe(now)
    },
    { immediate: true, flush: "post" },
  )
  onScopeDispose(() => observer.disconnect())
  return near
}

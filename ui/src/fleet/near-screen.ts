import { onBeforeUnmount, onMounted, shallowRef, watch } from "vue"
import type { Ref, ShallowRef } from "vue"
import { afterPaint } from "../platform/latency.ts"

// One screen ahead, so that a card is drawn before a scroll reaches it.
const MARGIN = "600px 0px"

/** Which children of an element are on screen or close to it, by their `data-host`. The first few count as near at once. */
export function useNearScreen(
  parent: Readonly<Ref<HTMLElement | null>>,
  ids: () => readonly string[],
  eager: number,
): Readonly<ShallowRef<ReadonlySet<string>>> {
  const near = shallowRef<ReadonlySet<string>>(new Set(ids().slice(0, eager)))
  onMounted(() => {
    const observed = new WeakSet<Element>()
    const observer = new IntersectionObserver(
      (entries) => {
        const next = new Set(near.value)
        for (const { target, isIntersecting } of entries) {
          const id = target.getAttribute("data-host") ?? ""
          if (isIntersecting) next.add(id)
          else next.delete(id)
        }
        near.value = next
      },
      { rootMargin: MARGIN },
    )
    const observeNew = () => {
      for (const child of parent.value?.children ?? []) {
        if (observed.has(child)) continue
        observed.add(child)
        observer.observe(child)
      }
    }
    let watching: (() => void) | null = null
    let over = false
    // After the first screen was painted: what lies below it must not make it wait.
    afterPaint(() => {
      if (!over) watching = watch([parent, ids], observeNew, { immediate: true, flush: "post" })
    })
    onBeforeUnmount(() => {
      over = true
      watching?.()
      observer.disconnect()
    })
  })
  return near
}

// As the style sheets lay them out: rail, margins and feed beside the cards, strip, filters and foot above and below.
const CARD_PX = { width: 404 + 14, height: 352 + 14 }
const AROUND_PX = { width: 92, feed: 372, feedFrom: 1180, height: 100 }
// A wall of screens gets the rest a moment later.
const MOST_CARDS = 24

/** How many cards a window of that size shows at first. */
export function cardsThatFit(width: number, height: number): number {
  const beside = AROUND_PX.width + (width >= AROUND_PX.feedFrom ? AROUND_PX.feed : 0)
  const columns = Math.max(1, Math.floor((width - beside) / CARD_PX.width))
  const rows = Math.max(1, Math.ceil((height - AROUND_PX.height) / CARD_PX.height))
  return Math.min(MOST_CARDS, columns * rows)
}

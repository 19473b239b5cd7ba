import { onScopeDispose, shallowRef, watch } from "vue"
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
  const observed = new WeakSet<Element>()
  let watching: (() => void) | null = null
  let over = false
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
  // After the first screen was painted: what lies below it must not make it wait.
  afterPaint(() => {
    if (!over) watching = watch([parent, ids], observeNew, { immediate: true, flush: "post" })
  })
  onScopeDispose(() => {
    over = true
    watching?.()
    observer.disconnect()
  })
  return near
}

import { onScopeDispose, ref, shallowRef } from "vue"
import { useRouter } from "vue-router"

/** Keeps what is not saved from being thrown away by a click, another page or a closed tab: it is asked for first. */
export function useUnsaved() {
  const isUnsaved = ref(false)
  /** What was asked for meanwhile: done once that may be lost. Null: nothing waits for an answer. */
  const asked = shallowRef<(() => void) | null>(null)

  function leave(go: () => void): void {
    if (isUnsaved.value) asked.value = go
    else go()
  }
  function keep(): void {
    asked.value = null
  }
  function discard(): void {
    const go = asked.value
    isUnsaved.value = false
    keep()
    go?.()
  }

  const router = useRouter()
  const stopAsking = router.beforeEach((to, from) => {
    if (!isUnsaved.value || to.path === from.path) return true
    asked.value = () => void router.push(to)
    return false
  })
  /** The browser asks in its own words. */
  function onUnload(event: BeforeUnloadEvent): void {
    if (isUnsaved.value) event.preventDefault()
  }
  addEventListener("beforeunload", onUnload)
  onScopeDispose(() => {
    stopAsking()
    removeEventListener("beforeunload", onUnload)
  })
  return { isUnsaved, asked, leave, keep, discard }
}

import { onBeforeUnmount, onMounted } from "vue"

/** Ctrl (or Command) and a key, anywhere on the page. */
export function onShortcut(key: string, run: () => void): void {
  const listen = (event: KeyboardEvent) => {
    if (!(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== key) return
    event.preventDefault()
    run()
  }
  onMounted(() => addEventListener("keydown", listen))
  onBeforeUnmount(() => removeEventListener("keydown", listen))
}

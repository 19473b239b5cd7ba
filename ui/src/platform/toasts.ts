import { defineStore } from "pinia"
import { shallowRef } from "vue"
import { ApiError } from "./api.ts"
import { useClock } from "./clock.ts"

export interface Toast {
  readonly id: number
  readonly title: string
  readonly text: string
}

// Long enough to read two lines; an error of an action stays until it is closed or this passed.
const SHOWN_MS = 9000

/** Errors of what a person asked for. */
export const useToasts = defineStore("toasts", () => {
  const clock = useClock()
  const list = shallowRef<readonly Toast[]>([])
  let nextId = 1

  function close(id: number): void {
    list.value = list.value.filter((toast) => toast.id !== id)
  }
  function show(title: string, text: string): void {
    const id = nextId++
    list.value = [...list.value.slice(-3), { id, title, text }]
    clock.after(SHOWN_MS, () => close(id))
  }
  function fail(title: string, error: unknown): void {
    show(title, error instanceof ApiError ? error.message : "It failed for a reason this page does not know")
  }
  return { list, show, fail, close }
})

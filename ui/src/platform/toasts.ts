import { defineStore } from "pinia"
import { shallowRef } from "vue"
import { ApiError } from "./api.ts"
import { useClock } from "./clock.ts"

export interface Toast {
  readonly id: number
  readonly title: string
  readonly text: string
  readonly atMs: number
}

// Long enough to read two lines; an error of an action stays until it is closed or this passed.
const SHOWN_MS = 9000
const MOST_AT_ONCE = 4
const MOST_KEPT = 50

/** Errors of what a person asked for: shown for a while, and kept to be read again. */
export const useToasts = defineStore("toasts", () => {
  const clock = useClock()
  const list = shallowRef<readonly Toast[]>([])
  /** The newest first. */
  const past = shallowRef<readonly Toast[]>([])
  const unread = shallowRef(0)
  const reviewing = shallowRef(false)
  let nextId = 1

  function close(id: number): void {
    list.value = list.value.filter((toast) => toast.id !== id)
  }
  function show(title: string, text: string): void {
    const id = nextId++
    const toast = { id, title, text, atMs: clock.nowMs() }
    list.value = [...list.value.slice(1 - MOST_AT_ONCE), toast]
    past.value = [toast, ...past.value].slice(0, MOST_KEPT)
    unread.value++
    clock.after(SHOWN_MS, () => close(id))
  }
  function fail(title: string, error: unknown): void {
    show(title, error instanceof ApiError ? error.message : "It failed for a reason this page does not know")
  }
  function review(open: boolean): void {
    reviewing.value = open
    unread.value = 0
  }
  return { list, past, unread, reviewing, show, fail, close, review }
})

import type { ActivityRow } from "@boocontrol/shared/activity"
import { RequestId } from "@boocontrol/shared/ids"
import { computed, shallowRef, watch } from "vue"
import type { ComputedRef } from "vue"
import { useRoute, useRouter } from "vue-router"
import { useApi } from "../../platform/api.ts"
import { useActivity } from "../store.ts"

const rowPage = async () => (await import("../../platform/schemas.ts")).ActivityRowPage
const MOST_CHOICES = 60

export interface Opened {
  readonly row: ComputedRef<ActivityRow | null>
  readonly other: ComputedRef<ActivityRow | null>
  /** Requests that can be compared with it: of the same model first. */
  readonly choices: ComputedRef<readonly ActivityRow[]>
  /** The address names a request that nobody knows. */
  readonly isUnknown: ComputedRef<boolean>
  readonly open: (row: ActivityRow) => void
  readonly close: () => void
  readonly step: (by: number) => void
  readonly compare: (id: string | null) => void
}

/** The request that the address names, and the one it is compared with: a link opens the same for everybody. */
export function useOpened(): Opened {
  const route = useRoute()
  const router = useRouter()
  const api = useApi()
  const activity = useActivity()
  // Rows that no list holds.
  const fetched = shallowRef<ReadonlyMap<string, ActivityRow | null>>(new Map())

  const idOf = (name: string) => {
    const parsed = RequestId.safeParse(route.query[name])
    return parsed.success ? parsed.data : null
  }
  const id = computed(() => idOf("request"))
  const otherId = computed(() => idOf("with"))
  const rowOf = (wanted: string | null): ActivityRow | null => {
    if (wanted === null) return null
    const lists = [activity.list.rows, activity.list.above, activity.recent]
    for (const rows of lists) {
      const found = rows.find((row) => row.id === wanted)
      if (found) return found
    }
    return fetched.value.get(wanted) ?? null
  }
  const row = computed(() => rowOf(id.value))
  const other = computed(() => rowOf(otherId.value))

  watch(
    [id, otherId, () => activity.list.phase],
    () => {
      if (activity.list.phase === "loading") return
      for (const wanted of [id.value, otherId.value])
        if (wanted !== null && rowOf(wanted) === null && !fetched.value.has(wanted)) void look(wanted)
    },
    { immediate: true },
  )

  async function look(wanted: string): Promise<void> {
    const page = await api.get("activity", rowPage, { query: { q: wanted, limit: 1 } }).catch(() => null)
    const found = page?.rows.find((one) => one.id === wanted) ?? null
    fetched.value = new Map([...fetched.value, [wanted, found]])
  }

  function go(change: Record<string, string | undefined>): void {
    const query = Object.fromEntries(
      Object.entries({ ...route.query, ...change }).filter(([, value]) => value !== undefined),
    )
    void router.push({ query })
  }

  return {
    ...{ row, other },
    choices: computed(() => {
      const rest = activity.list.rows.filter((one) => one.id !== id.value)
      const same = rest.filter(({ model }) => model === row.value?.model)
      return [...new Set([...same, ...rest])].slice(0, MOST_CHOICES)
    }),
    isUnknown: computed(() => id.value !== null && row.value === null && fetched.value.has(id.value)),
    open: (wanted) => go({ request: wanted.id }),
    close: () => go({ request: undefined, with: undefined }),
    step(by) {
      const rows = activity.list.rows
      const next = rows[rows.findIndex((one) => one.id === id.value) + by]
      if (next) go({ request: next.id })
    },
    compare: (wanted) => go({ with: wanted ?? undefined }),
  }
}

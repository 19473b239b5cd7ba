import type { LeaseRow } from "@boocontrol/shared/leases"
import { onMounted, shallowRef } from "vue"
import { ApiError } from "../platform/api.ts"
import type { Api } from "../platform/api.ts"

/** The leases in force. A released one stays until the hub's list no longer has it. */
export function useLeaseList(api: Api) {
  const rows = shallowRef<readonly LeaseRow[] | null>(null)
  const error = shallowRef<string | null>(null)
  const releasing = shallowRef<ReadonlySet<string>>(new Set())
  let asked = 0

  async function load(): Promise<void> {
    asked += 1
    const mine = asked
    try {
      const page = await api.get("leases", async () => (await import("./schemas.ts")).LeasePage)
      if (mine !== asked) return
      rows.value = page.rows
      error.value = null
      releasing.value = new Set(
        [...releasing.value].filter((id) => page.rows.some(({ lease_id }) => lease_id === id)),
      )
    } catch (failure) {
      if (mine === asked) error.value = wordsOf(failure)
    }
  }

  async function release({ lease_id }: LeaseRow): Promise<void> {
    releasing.value = new Set(releasing.value).add(lease_id)
    try {
      await api.remove(`leases/${lease_id}`)
    } catch (failure) {
      error.value = wordsOf(failure)
      releasing.value = new Set([...releasing.value].filter((id) => id !== lease_id))
    }
    await load()
  }

  onMounted(() => void load())
  return { rows, error, releasing, load, release }
}

function wordsOf(failure: unknown): string {
  return failure instanceof ApiError ? failure.message : "It failed for a reason this page does not know"
}

import type { Session } from "@boocontrol/shared/session"
import { computed, inject, shallowRef } from "vue"
import type { InjectionKey, Ref } from "vue"
import type { Api } from "./api.ts"

/** Who the hub takes this browser for. */
export interface SessionWatch {
  /** Null until it was asked, and where it does not say. */
  readonly who: Readonly<Ref<Session | null>>
  /** The hub tells this browser nothing before somebody signs in. */
  readonly isOut: Readonly<Ref<boolean>>
  /** Asks again; several at once ask once. */
  look(): Promise<void>
  /** Throws an ApiError where the token is refused. */
  signIn(token: string): Promise<void>
  signOut(): Promise<void>
}

const schema = async () => (await import("./schemas.ts")).Session

/** `begin`: the cockpit as it begins, with the fleet of whoever is signed in now, or with none. */
export function createSession(api: Api, begin: () => void): SessionWatch {
  const who = shallowRef<Session | null>(null)
  let looking: Promise<void> | null = null

  async function look(): Promise<void> {
    try {
      who.value = await api.get("session", schema)
    } catch {
      // A hub that does not answer says so elsewhere.
    } finally {
      looking = null
    }
  }

  return {
    who,
    isOut: computed(() => who.value?.kind === "anyone"),
    look: () => (looking ??= look()),
    async signIn(token) {
      await api.post("session", schema, { token })
      begin()
    },
    async signOut() {
      await api.remove("session")
      begin()
    },
  }
}

export const SESSION: InjectionKey<SessionWatch> = Symbol("session")

export function useSession(): SessionWatch {
  const session = inject(SESSION)
  if (!session) throw new Error("no session was provided")
  return session
}

import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"

/** What Linux says of the power state of the NVIDIA cards. Reading it wakes nobody. */
export interface CardPower {
  /** True where there are cards and every one of them is suspended. */
  allSuspended(): boolean
  /** True where every card is allowed to suspend itself when nobody uses it. */
  maySuspend(): boolean
  /** PCI addresses of the cards. */
  cards(): readonly string[]
}

const NVIDIA = "0x10de"
const DISPLAY_CLASS = "0x03"

/** Elsewhere than on Linux, and in containers that hide them, no cards are found and none is ever asleep. */
export function cardPower(root = "/sys/bus/pci/devices"): CardPower {
  const cards = findCards(root)
  const every = (file: string, value: string) =>
    cards.length > 0 && cards.every((card) => read(join(root, card, "power", file)) === value)
  return {
    allSuspended: () => every("runtime_status", "suspended"),
    maySuspend: () => every("control", "auto"),
    cards: () => cards,
  }
}

function findCards(root: string): string[] {
  try {
    return readdirSync(root)
      .filter((device) => read(join(root, device, "vendor")) === NVIDIA)
      .filter((device) => read(join(root, device, "class"))?.startsWith(DISPLAY_CLASS))
      .sort()
  } catch {
    return []
  }
}

function read(file: string): string | null {
  try {
    return readFileSync(file, "utf8").trim()
  } catch {
    return null
  }
}

/** Watches for cards that could sleep if the stream did not hold them awake. */
export interface IdleWatch {
  idleTicks: number
  /** How many idle ticks it takes to let go. */
  patience: number
}

const FIRST_PATIENCE = 120
// A card that something else keeps awake is not let out of sight for half a minute again and again.
const MOST_PATIENCE = 3_600

export const FRESH_IDLE_WATCH: IdleWatch = { idleTicks: 0, patience: FIRST_PATIENCE }

/** After each tick: whether the stream should be ended to let idle cards suspend. */
export function watchIdle(watch: IdleWatch, idle: boolean): { watch: IdleWatch; letGo: boolean } {
  const idleTicks = idle ? watch.idleTicks + 1 : 0
  return { watch: { ...watch, idleTicks }, letGo: idleTicks >= watch.patience }
}

/** After letting go: patience grows where the cards did not use it, and is fresh where they did. */
export function afterLettingGo(watch: IdleWatch, slept: boolean): IdleWatch {
  return { idleTicks: 0, patience: slept ? FIRST_PATIENCE : Math.min(watch.patience * 2, MOST_PATIENCE) }
}

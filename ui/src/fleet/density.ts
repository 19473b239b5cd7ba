import { defineStore } from "pinia"
import { shallowRef } from "vue"
import { keep, readKept } from "../platform/kept.ts"

export const DENSITIES = ["comfortable", "compact"] as const
export type Density = (typeof DENSITIES)[number]

const STORAGE_KEY = "boocontrol.density"

/** How much of a host a card shows. A liking of who looks, so it is kept here and not in the address. */
export const useDensity = defineStore("density", () => {
  const stored = readKept(STORAGE_KEY)
  const density = shallowRef<Density>(DENSITIES.find((one) => one === stored) ?? "comfortable")

  function choose(next: Density): void {
    density.value = next
    keep(STORAGE_KEY, next)
  }
  return { density, choose }
})

import { join } from "node:path"
import type { Plugin } from "vite"

const COCKPIT = join(import.meta.dirname, "../src/")
const LATER = /\bimport\(\s*["'][^"']+["']\s*\)/g

/** Nothing that comes later is part of the first screen: whoever writes it needs no chart and no other page. */
export function onlyFirstScreen(): Plugin {
  return {
    name: "boocontrol:only-first-screen",
    apply: "build",
    enforce: "post",
    transform(code, id) {
      if (!id.startsWith(COCKPIT)) return null
      return {
        code: code.replaceAll(LATER, `Promise.reject(new Error("not on the first screen"))`),
        map: null,
      }
    },
  }
}

import { accessSync, constants } from "node:fs"
import { delimiter, isAbsolute, join, resolve } from "node:path"

const WINDOWS_ENDINGS = ["", ".exe", ".cmd", ".bat"]

/** Full path of a program given by name or path; null where there is none that can be run. */
export function findProgram(name: string, path: string): string | null {
  const named = isAbsolute(name) || name.includes("/") || name.includes("\\")
  const folders = named ? [""] : path.split(delimiter).filter((folder) => folder !== "")
  const endings = process.platform === "win32" ? WINDOWS_ENDINGS : [""]
  for (const folder of folders) {
    for (const ending of endings) {
      const file = resolve(folder === "" ? name + ending : join(folder, name + ending))
      try {
        accessSync(file, constants.X_OK)
        return file
      } catch {
        continue
      }
    }
  }
  return null
}

import { accessSync, constants, statSync } from "node:fs"
import { delimiter, join } from "node:path"

// Debian keeps servers where an ordinary user's PATH does not look.
const ALSO =
  process.platform === "win32" ? [] : ["/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/local/bin", "/usr/bin"]
const ENDINGS = process.platform === "win32" ? [".exe", ".cmd"] : [""]

/** The full path of a program on PATH or in a system folder, null where there is none. */
export function findProgram(name: string, path: string = process.env.PATH ?? ""): string | null {
  for (const folder of [...path.split(delimiter), ...ALSO]) {
    if (folder === "") continue
    for (const ending of ENDINGS) {
      const candidate = join(folder, `${name}${ending}`)
      if (isProgram(candidate)) return candidate
    }
  }
  return null
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}

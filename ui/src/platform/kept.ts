/** What one browser keeps for its owner. Storage may be switched off, full or absent: then it holds for this page only. */
export function readKept(key: string): string | null {
  try {
    return localStorage.getItem(key)
  } catch {
    return null
  }
}

export function keep(key: string, value: string): void {
  try {
    localStorage.setItem(key, value)
  } catch {
    // As said above.
  }
}

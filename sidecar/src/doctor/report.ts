/** One thing that was looked at. `notice`: works, but something may be lost or missing. */
export interface Finding {
  about: string
  state: "good" | "notice" | "bad"
  says: string
  /** What to do about it. */
  advice?: string
}

export function good(about: string, says: string): Finding {
  return { about, state: "good", says }
}

export function notice(about: string, says: string, advice: string): Finding {
  return { about, state: "notice", says, advice }
}

export function bad(about: string, says: string, advice: string): Finding {
  return { about, state: "bad", says, advice }
}

const MARKS = { good: "ok  ", notice: "note", bad: "FAIL" } as const
const ABOUT_CHARS = 15

export function reportLines(findings: readonly Finding[]): string[] {
  return findings.flatMap(({ about, state, says, advice }) => {
    const first = `${MARKS[state]}  ${about.padEnd(ABOUT_CHARS)}${says}`
    return advice === undefined ? [first] : [first, `${" ".repeat(6 + ABOUT_CHARS)}-> ${advice}`]
  })
}

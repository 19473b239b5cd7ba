/** As a shell, systemd and Node read it alike. Null: a value that not all of them read the same. */
export function envFileText(settings: ReadonlyMap<string, string>): string | null {
  const lines = [...settings].map(([name, value]) => {
    const quoted = quotedValue(value)
    return quoted === null ? null : `${name}=${quoted}\n`
  })
  return lines.includes(null) ? null : lines.join("")
}

function quotedValue(value: string): string | null {
  if (/^[\w.,:/@%+=~-]*$/.test(value)) return value
  // What stands in single quotes is taken as it is, a backslash of a Windows path too.
  return /^[^'\r\n]*$/.test(value) ? `'${value}'` : null
}

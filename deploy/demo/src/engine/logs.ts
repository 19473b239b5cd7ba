/** The history that each of llama-swap's log monitors keeps. */
const HISTORY_BYTES = 100 * 1024

export interface LogMonitor {
  write(data: string | Buffer): void
  history(): Buffer
  onData(listener: (data: Buffer) => void): () => void
  clear(): void
}

export function createLogMonitor(): LogMonitor {
  let chunks: Buffer[] = []
  let size = 0
  const listeners = new Set<(data: Buffer) => void>()

  return {
    write(data) {
      const chunk = typeof data === "string" ? Buffer.from(data) : data
      if (chunk.length === 0) return
      chunks.push(chunk)
      size += chunk.length
      while (chunks[0] && size - chunks[0].length >= HISTORY_BYTES) {
        size -= chunks[0].length
        chunks.shift()
      }
      for (const listener of [...listeners]) listener(chunk)
    },
    history() {
      const all = Buffer.concat(chunks)
      return all.length > HISTORY_BYTES ? all.subarray(all.length - HISTORY_BYTES) : all
    },
    onData(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    clear() {
      chunks = []
      size = 0
    },
  }
}

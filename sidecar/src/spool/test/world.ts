import { manualClock } from "../../platform/clock-manual.ts"
import { diskSpool } from "../disk.ts"
import type { Spool, SpoolLoss, SpoolMessage, SpoolRecord } from "../ports.ts"
import type { StreamName } from "@boocontrol/shared/subjects"
import { memoryFiles } from "./memory-files.ts"

export interface Life {
  spool: Spool
  clock: ReturnType<typeof manualClock>
  files: ReturnType<typeof memoryFiles>
  /** What may be sent, in the order that was told. */
  sendable: SpoolRecord[]
  said: string[]
  /** Appends; the state tells what became of it. */
  add(message: SpoolMessage): { state: "kept" | "safe" | "lost" }
  settle(): Promise<void>
  /** Everything that waits in a lane, oldest first. */
  left(lane: StreamName): Promise<SpoolRecord[]>
  seqs(lane: StreamName): Promise<number[]>
  /** All that was lost so far and is now told. */
  tell(): Promise<SpoolLoss[]>
}

export interface Given {
  contents?: Map<string, Buffer>
  maxBytes?: number
  open?: boolean
}

/** One life of a spool in a folder in memory. Its end is to use it no more. */
export async function life({ contents, maxBytes = 10_000_000, open = true }: Given = {}): Promise<Life> {
  const clock = manualClock()
  const files = memoryFiles(contents)
  const said: string[] = []
  const sendable: SpoolRecord[] = []
  const say = (message: string) => void said.push(message)
  const spool = diskSpool({ files, maxBytes, clock, log: { info: say, warn: say } })
  if (open)
    await spool.open({
      onSendable: (record) => void sendable.push(record),
      onLoss: () => {},
      onProblem: () => say(`problem: ${spool.status().problem ?? "none"}`),
    })

  async function left(lane: StreamName): Promise<SpoolRecord[]> {
    const found: SpoolRecord[] = []
    for (;;) {
      const more = await spool.read(lane, found.at(-1)?.position ?? 0, 20)
      if (more.length === 0) return found
      found.push(...more)
    }
  }

  return {
    ...{ spool, clock, files, sendable, said, left },
    add(message) {
      const added: { state: "kept" | "safe" | "lost" } = { state: "kept" }
      spool.append(message).then(
        () => (added.state = "safe"),
        () => (added.state = "lost"),
      )
      return added
    },
    settle: () => clock.advance(0),
    seqs: async (lane) => (await left(lane)).map(({ seq }) => seq),
    async tell() {
      const losses = spool.takeLosses()
      for (const loss of losses) spool.told(loss)
      await clock.advance(0)
      return losses
    },
  }
}

/** A copy of a folder as a crash leaves it. */
export function crashed({ files }: Pick<Life, "files">): Map<string, Buffer> {
  return new Map([...files.contents].map(([name, bytes]) => [name, Buffer.from(bytes)]))
}

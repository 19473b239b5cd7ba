import type { EngineCapture } from "@boocontrol/shared/capture"
import { BooError } from "@boocontrol/shared/errors"
import type { HostId } from "@boocontrol/shared/ids"
import type { Commands } from "../commands/index.ts"
import type { CursorStore } from "../ports.ts"

export interface CapturesOptions {
  host: HostId
  engine: { capture(entryId: number): Promise<EngineCapture | null> }
  cursors: Pick<CursorStore, "load">
}

/**
 * Captures leave in the reply to their command and nowhere else: what somebody asked a model must not lie in a spool or
 * a stream.
 */
export function registerCaptures(
  commands: Pick<Commands, "ask">,
  { host, engine, cursors }: CapturesOptions,
): void {
  commands.ask("capture", async ({ swap_epoch, swap_entry_id }) => {
    const cursor = await cursors.load()
    // Ids begin again with every store: of another one, the same id is another request.
    const isSameStore = cursor === null || cursor.swap_epoch === swap_epoch
    const capture = isSameStore ? await engine.capture(swap_entry_id) : null
    if (capture === null) throw new BooError("CAPTURE_GONE", { host, entry: swap_entry_id })
    return capture
  })
}

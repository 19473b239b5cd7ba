import type { Clock } from "../clock.ts"
import type { Reply } from "../llama/reply.ts"
import type { ModelRequest } from "../llama/request.ts"
import type { ModelProcess } from "./process.ts"

const DOT_INTERVAL_MS = 750

/**
 * With sendLoadingState a waiting chat stream is opened at once and told that its model loads, as reasoning text.
 * Returns what ends it. It says "Done!" for a failed start as well; only a client that left hears nothing more.
 */
export function startLoadingState(wait: {
  process: ModelProcess
  request: ModelRequest
  reply: Reply
  clock: Clock
}) {
  const { process, request, reply, clock } = wait
  const applies =
    process.model.send_loading_state &&
    process.state !== "ready" &&
    request.body.stream === true &&
    request.path.startsWith("/v1/chat/completions")
  if (!applies) return () => {}

  const startedAt = clock.now()
  function say(text: string) {
    for (const piece of text.match(/\n|[^\n]{1,5}/g) ?? []) {
      reply.write(`data: ${JSON.stringify({ choices: [{ delta: { reasoning_content: piece } }] })}\n\n`)
    }
  }
  reply.head(200, {
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-cache",
    Connection: "keep-alive",
  })
  say("━━━━━\n")
  say(
    `llama-swap loading model: ${process.model.id}\n\nYour prompt is in a queue, behind 7 billion other thoughts `,
  )
  const cancel = clock.every(DOT_INTERVAL_MS, () => say("."))
  return (waited: boolean) => {
    cancel()
    if (!waited) return
    say(`\nDone! (${((clock.now() - startedAt) / 1000).toFixed(2)}s)\n`)
    say("━━━━━\n \n")
  }
}

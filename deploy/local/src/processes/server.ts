import { StartFailure } from "../failure.ts"
import { describeExit, startChild } from "./child.ts"
import type { Child, ChildOptions } from "./child.ts"

export type ServerStart =
  | { kind: "ready"; child: Child; lines: readonly string[] }
  | { kind: "ended"; failure: StartFailure; lines: readonly string[] }

// What a server says before it is ready or gives up; more would only be its later life.
const LINES_KEPT = 40

/** Starts a program that serves, until it says that it is ready or ends. */
export async function startServer(
  options: Omit<ChildOptions, "onLine">,
  isReady: (line: string) => boolean,
): Promise<ServerStart> {
  const lines: string[] = []
  const { promise: ready, resolve: saidReady } = Promise.withResolvers<"ready">()
  const child = startChild({
    ...options,
    onLine: (line) => {
      if (lines.length < LINES_KEPT) lines.push(line)
      if (isReady(line)) saidReady("ready")
    },
  })
  const outcome = await Promise.race([ready, child.exited])
  if (outcome === "ready") return { kind: "ready", child, lines }
  const said = lines.slice(-5).join("\n")
  const message = `${options.name} ${describeExit(outcome)}${said === "" ? "" : `:\n${said}`}\n(see ${options.log.path})`
  return { kind: "ended", failure: new StartFailure(message), lines }
}

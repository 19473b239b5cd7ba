import { expect, it } from "vitest"
import { Frame, KNOWN_FRAME_TYPES } from "@boocontrol/shared/frames"
import { systemClock } from "./clock.ts"
import { silentLog } from "./log.ts"
import { createSockets } from "./sockets.ts"

const none = (): never => {
  throw new Error("nobody asked")
}

it("has a sender for every frame type there is, and for no other", () => {
  const sources = { snapshot: none, resync: none, replay: none }
  const { send } = createSockets({ sources, clock: systemClock, log: silentLog })
  expect(Object.keys(send).sort()).toEqual([...KNOWN_FRAME_TYPES].sort())
  expect(Frame.def.options).toHaveLength(KNOWN_FRAME_TYPES.length)
})

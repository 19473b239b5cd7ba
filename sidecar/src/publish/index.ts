import { RefusedData } from "@boocontrol/shared/hosts"
import type { EventData } from "@boocontrol/shared/envelope"
import { BooError, toNatsError } from "@boocontrol/shared/errors"
import type { ResumeReply } from "@boocontrol/shared/resume"
import { subjects } from "@boocontrol/shared/subjects"
import { epochMsOf } from "@boocontrol/shared/time"
import type { NatsMessage } from "../platform/nats.ts"
import { stepGate, WAIT_MS } from "./core.ts"
import type { Gate, GateEffect, GateEvent, Refusal } from "./core.ts"
import type { CommandHandlers, Publisher } from "./ports.ts"
import { createPublisher } from "./publisher.ts"
import type { PublisherOptions } from "./publisher.ts"

export interface PublishingOptions extends PublisherOptions {
  /** What presence says now. */
  presence(): EventData["presence"]
  commands: CommandHandlers
  /** Asks the hub anything: an answer shows that one is there to object. */
  askHub(): Promise<ResumeReply | null>
  /** Publishing begins, again. What is only ever told on change is to be told now. */
  onOpen(): void
}

export interface Publishing extends Publisher {
  start(): void
  /** Presence on change, and every few seconds. Held back while another sidecar holds this host id. */
  announce(): void
  /** Set while another sidecar holds this host id. */
  refusal(): Refusal | null
  /** Waits at most `flushMs` for what is kept to be stored. */
  stop(flushMs: number): Promise<void>
}

/** The publisher behind its gate: presence first, the rest when nobody objects. */
export function createPublishing(options: PublishingOptions): Publishing {
  const { host, instance, clock, log, link } = options
  const publisher = createPublisher(options)
  let gate: Gate = { state: "offline", refusal: null }
  let cancelWait = () => {}

  const perform: Record<GateEffect, () => void> = {
    announce: () => publisher.announce(options.presence()),
    open() {
      publisher.open()
      options.onOpen()
    },
    close: () => publisher.close(),
    ask_hub: () => void options.askHub().then((reply) => reply && happened({ kind: "hub_answered" })),
  }

  function happened(event: GateEvent): void {
    const before = gate.state
    const step = stepGate(gate, event)
    gate = step.gate
    for (const effect of step.effects) perform[effect]()
    if (gate.state === before) return
    tellRefusal(before)
    cancelWait()
    const waitMs = WAIT_MS[gate.state]
    if (waitMs !== null) cancelWait = clock.setTimeout(() => happened({ kind: "waited" }), waitMs)
  }

  function tellRefusal(before: Gate["state"]): void {
    if (gate.state === "refused" && before !== "probing")
      log.warn(
        `another sidecar (${gate.refusal.holder}) holds the host id ${host}: this one publishes nothing and keeps ` +
          "what it sees. Give it its own BOO_HOST_ID, or stop the other",
      )
    if (gate.state === "open" && before === "probing")
      log.info(`the host id ${host} is free again: publishing`)
  }

  function commanded(message: NatsMessage): void {
    if (message.subject === subjects.refused(host, instance)) {
      const refused = RefusedData.safeParse(parsed(message.text()))
      const data = refused.data ?? { holder: "unknown", since: null }
      const sinceMs = data.since === null ? clock.now() : epochMsOf(data.since)
      return happened({ kind: "refused", refusal: { holder: data.holder, sinceMs } })
    }
    const verb = message.subject.slice(subjects.commandsOf(host).length - 1)
    if (verb.startsWith("refused.")) return
    const reply = options.commands.handle(verb, message.text())
    const unknown = new BooError("BAD_REQUEST", {
      where: verb,
      problem: "this sidecar does not know that command",
    })
    if (reply instanceof Promise) void reply.then((text) => message.respond(text))
    else message.respond(reply ?? JSON.stringify(toNatsError(unknown)))
  }

  link.subscribe(subjects.commandsOf(host), commanded)
  link.onChange((connected) => happened({ kind: connected ? "connected" : "disconnected" }))

  return {
    durable: publisher.durable,
    core: publisher.core,
    start() {
      publisher.start()
      link.start()
    },
    announce() {
      if (gate.state === "open" || gate.state === "claiming") publisher.announce(options.presence())
    },
    refusal: () => (gate.state === "refused" || gate.state === "probing" ? gate.refusal : null),
    async stop(flushMs) {
      cancelWait()
      if (gate.state === "open") await publisher.drained(AbortSignal.timeout(flushMs))
      publisher.close()
      await link.stop(flushMs)
      await publisher.stop()
    },
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

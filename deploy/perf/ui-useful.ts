import type { FleetHost } from "@boocontrol/shared/fleet"

interface Expected {
  readonly id: string
  /** Whether its memory in use is known. */
  readonly measured: boolean
  /** State by model, of every model that it lists itself. */
  readonly states: Readonly<Record<string, string>>
  /** How many of them a card has room for. */
  readonly lines: number
}

const MODEL_LINES = 4

/**
 * Useful: every card of the first screen is there, on screen, and true. Its figure of memory is a number where the host
 * measures it and a dash where not; it shows its models with the states they are in; and the page either lives or says
 * of when its figures are.
 */
export function usefulExpression(hosts: readonly FleetHost[]): string {
  return `(${isUseful.toString()})(${JSON.stringify(hosts.map(expectedOf))})`
}

/** The cockpit's own code has taken over, is connected, and shows what comes after the first screen: gauges, feed, sums. */
export function livesExpression(hosts: readonly FleetHost[]): string {
  return `${usefulExpression(hosts)} && (${lives.toString()})(${hosts.length})`
}

function expectedOf(host: FleetHost): Expected {
  const own = host.models.filter((model) => model.peer === null)
  return {
    id: host.provider_id,
    measured: host.liveness !== "down" && host.gpu_feed?.state !== "asleep",
    states: Object.fromEntries(own.map((model) => [model.id, model.state ?? "unknown"])),
    lines: Math.min(MODEL_LINES, own.filter((model) => !model.hidden).length),
  }
}

// These two run in the page: nothing outside of them is there.
function isUseful(expected: readonly Expected[]): boolean {
  const cards = [...document.querySelectorAll("[data-host]")].slice(0, expected.length)
  const dated = document.documentElement.dataset["asOf"]
  const saysWhen = dated === undefined || document.body.innerText.includes(`as of ${dated.slice(11, 19)}`)
  return (
    saysWhen &&
    cards.length === expected.length &&
    cards.every((card, index) => {
      const host = expected[index]
      const figure = card.querySelector(".n")?.firstChild?.textContent ?? ""
      const lines = [...card.querySelectorAll<HTMLElement>("[data-model]")]
      return (
        card.getAttribute("data-host") === host?.id &&
        card.getBoundingClientRect().top < innerHeight &&
        (host.measured ? /^[\d,.]+$/.test(figure) : figure === "\u2013") &&
        lines.length === host.lines &&
        lines.every(({ dataset }) => host.states[dataset["model"] ?? ""] === dataset["state"])
      )
    })
  )
}

function lives(cards: number): boolean {
  return (
    document.documentElement.dataset["asOf"] === undefined &&
    document.querySelector("footer [role=status]")?.textContent === "Connected" &&
    document.querySelectorAll(".gauge").length >= cards &&
    document.querySelectorAll(".figure").length > 0
  )
}

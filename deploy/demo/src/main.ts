import { parseArgs } from "node:util"
import { z } from "zod"
import { fleetOf } from "./fleet.ts"
import { type SimulatedHost, startSimulatedHost } from "./host.ts"
import { type HostScenarioInput, readFleetScenario } from "./scenario.ts"

const USAGE = `Starts simulated hosts, each a llama-swap with models, cards and clients, until stdin closes.

  --hosts N          the default fleet, or more or fewer of it
  --scenario FILE    the hosts of this file instead
  --port-base P      the first host listens at P, the next at P+1, ...; 0 = any free port (default)
`

const Options = z.object({
  hosts: z.coerce.number().int().min(1).max(500).default(4),
  scenario: z.string().optional(),
  "port-base": z.coerce.number().int().min(0).max(65_000).default(0),
  help: z.boolean().default(false),
})

function say(line: object) {
  process.stdout.write(`${JSON.stringify(line)}\n`)
}

function readOptions() {
  const { values } = parseArgs({
    options: {
      hosts: { type: "string" },
      scenario: { type: "string" },
      "port-base": { type: "string" },
      help: { type: "boolean" },
    },
  })
  return Options.parse(values)
}

async function main() {
  const options = readOptions()
  if (options.help) return void process.stdout.write(USAGE)
  const scenarios: HostScenarioInput[] = options.scenario
    ? readFleetScenario(options.scenario).hosts
    : fleetOf(options.hosts)
  const running: SimulatedHost[] = []

  let stopping = false
  async function stop() {
    if (stopping) return
    stopping = true
    await Promise.all(running.map((host) => host.stop()))
    process.exit(0)
  }
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => void stop())
  // The lifeline: whoever started this holds the other end, and its death ends us too.
  process.stdin.on("end", () => void stop()).on("close", () => void stop())
  process.stdin.on("error", () => void stop()).resume()

  const base = options["port-base"]
  for (const [index, scenario] of scenarios.entries()) {
    const host = await startSimulatedHost(scenario, { port: base === 0 ? 0 : base + index })
    running.push(host)
    say({
      host_id: host.hostId,
      name: host.name,
      llama_swap_url: host.url,
      nvidia_smi: host.nvidiaSmiPath,
      control_url: host.controlUrl,
      env: { LLAMA_SWAP_URL: host.url, NVIDIA_SMI: host.nvidiaSmiPath, BOO_HOST_ID: host.hostId },
    })
  }
  say({ ready: true })
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exit(2)
})

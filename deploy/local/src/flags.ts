/** What the person asked for on the command line; null where they did not say. */
export interface Flags {
  /** `auto`: only where no llama-swap answers; a number: that many simulated hosts, in any case. */
  demo: "auto" | "on" | "off" | number
  port: number | null
  dataDir: string | null
  configFile: string | null
  envFile: string | null
}

export type ParsedFlags = { kind: "flags"; flags: Flags } | { kind: "wrong"; problems: string[] }

export const USAGE = `npm start -- [flags]
  --demo, --demo=N   add the demo fleet, or N simulated hosts, even if a llama-swap answers
  --no-demo          never add it
  --port N           where the cockpit listens (BOO_LISTEN)
  --data-dir D       where data, keys and logs are kept (BOO_DATA_DIR)
  --config F         a YAML file with settings
  --env-file F       a file with NAME=value lines`

const MOST_DEMO_HOSTS = 200
const NONE: Flags = { demo: "auto", port: null, dataDir: null, configFile: null, envFile: null }
const VALUED = {
  "--port": "port",
  "--data-dir": "dataDir",
  "--config": "configFile",
  "--env-file": "envFile",
} as const

export function parseFlags(args: readonly string[]): ParsedFlags {
  const flags = { ...NONE }
  const problems: string[] = []
  const rest = [...args]
  for (let arg = rest.shift(); arg !== undefined; arg = rest.shift()) {
    const [name, inline] = split(arg)
    if (arg === "--demo") flags.demo = "on"
    else if (arg === "--no-demo") flags.demo = "off"
    else if (name === "--demo")
      flags.demo = wholeNumber(inline, [1, MOST_DEMO_HOSTS]) ?? report(problems, arg)
    else if (isValued(name)) {
      const value = inline ?? rest.shift()
      if (value === undefined || value === "" || value.startsWith("--"))
        problems.push(`${name} needs a value`)
      else if (name !== "--port") flags[VALUED[name]] = value
      else flags.port = wholeNumber(value, [0, 65_535]) ?? wrongPort(problems, value)
    } else problems.push(`${arg} is not known`)
  }
  return problems.length === 0 ? { kind: "flags", flags } : { kind: "wrong", problems }
}

function split(arg: string): [string, string?] {
  const at = arg.indexOf("=")
  return at < 0 ? [arg] : [arg.slice(0, at), arg.slice(at + 1)]
}

function isValued(name: string): name is keyof typeof VALUED {
  return Object.hasOwn(VALUED, name)
}

function wholeNumber(text: string | undefined, [least, most]: [number, number]): number | null {
  if (text === undefined || !/^\d+$/.test(text)) return null
  const value = Number(text)
  return value >= least && value <= most ? value : null
}

function report(problems: string[], arg: string): "auto" {
  problems.push(`${arg}: a number of hosts from 1 to ${MOST_DEMO_HOSTS} is allowed`)
  return "auto"
}

function wrongPort(problems: string[], value: string): null {
  problems.push(`--port is "${value}"; a number from 0 to 65535 is allowed (0: any free one)`)
  return null
}

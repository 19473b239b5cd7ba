// A process of its own that lives for one question: what it loads is large, and what it runs may hang.
import readGpus from "node-nvidia-smi"
import { cpu, mem, osInfo } from "systeminformation"
import { readGpuFacts } from "./core.ts"
import { FACTS_TIMEOUT_MS } from "./reply.ts"
import type { FactsReply, StaticFacts } from "./reply.ts"

const MIB = 1024 * 1024

async function machine(): Promise<StaticFacts> {
  const [os, processor, memory] = await Promise.all([osInfo(), cpu(), mem()])
  return {
    os_family:
      { win32: "windows", linux: "linux", darwin: "darwin" }[
        os.platform.toLowerCase().replace("windows", "win32")
      ] ?? null,
    os_name: [os.distro, os.release].filter((part) => part !== "" && part !== "unknown").join(" ") || null,
    cpu_model: [processor.manufacturer, processor.brand].filter(Boolean).join(" ") || null,
    cpu_threads: processor.cores > 0 ? processor.cores : null,
    memory_total_mib: memory.total > 0 ? Math.round(memory.total / MIB) : null,
  }
}

function gpus(): Promise<FactsReply> {
  return new Promise((resolve) => {
    readGpus((error: unknown, report: unknown) => {
      if (error)
        return resolve({
          kind: "failed",
          reason: (error instanceof Error ? error.message : JSON.stringify(error)).slice(0, 300),
        })
      const facts = readGpuFacts(report)
      resolve(
        facts ? { kind: "gpus", ...facts } : { kind: "failed", reason: "nvidia-smi -q -x gave no report" },
      )
    })
  })
}

async function answer(): Promise<FactsReply> {
  if (process.argv[2] === "gpus") return gpus()
  return { kind: "machine", machine: await machine() }
}

// The one that asked may be gone: nobody else would end this.
setTimeout(() => process.exit(1), FACTS_TIMEOUT_MS).unref()
process.stdout.write(`${JSON.stringify(await answer())}\n`, () => process.exit(0))

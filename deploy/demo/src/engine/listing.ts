import type { HostScenario, ModelScenario } from "../scenario.ts"
import type { Edition } from "../scenario.ts"
import type { ModelProcess } from "./process.ts"

/** The pages and messages that list models. */
export function createListing(
  scenario: HostScenario,
  edition: Edition,
  processes: ReadonlyMap<string, ModelProcess>,
) {
  const models = scenario.models.toSorted((left, right) => (left.id < right.id ? -1 : 1))
  const peers = scenario.peers.flatMap((peer) => peer.models.map((model) => ({ peer: peer.id, model })))

  return {
    modelStatus() {
      const local = models.map((model) => ({
        id: model.id,
        name: model.name,
        description: model.description,
        state: processes.get(model.id)?.state ?? "stopped",
        unlisted: model.unlisted,
        peerID: "",
        ...(model.aliases.length > 0 ? { aliases: model.aliases } : {}),
        ...capabilities(model),
        ...(!edition.old && model.context_configured ? { context_length: model.context } : {}),
      }))
      const remote = peers.map(({ peer, model }) => ({
        id: edition.old ? model : `${peer}/${model}`,
        name: "",
        description: "",
        state: "",
        unlisted: false,
        peerID: peer,
      }))
      return [...local, ...remote]
    },

    running() {
      const running = models.flatMap((model) => {
        const process = processes.get(model.id)
        if (!process || process.state === "stopped") return []
        return [
          {
            model: model.id,
            state: process.state,
            cmd: commandLine(model, process.proxyUrl),
            proxy: process.proxyUrl,
            ttl: model.ttl_s,
            name: model.name,
            description: model.description,
          },
        ]
      })
      return { running }
    },

    openAi(createdAt: number) {
      const local = models.filter((model) => !model.unlisted).map((model) => listed(model, createdAt))
      const remote = peers.map(({ peer, model }) => ({
        id: edition.old ? model : `${peer}/${model}`,
        object: "model",
        created: createdAt,
        owned_by: "llama-swap",
        name: `${peer}: ${model}`,
        meta: { llamaswap: { ...(edition.old ? {} : { type: "peer" }), peerID: peer } },
        ...(edition.old ? {} : { status: { value: "unloaded" } }),
      }))
      return {
        data: [...local, ...remote].toSorted((left, right) => (left.id < right.id ? -1 : 1)),
        object: "list",
      }
    },
  }

  function listed(model: ModelScenario, created: number) {
    const loaded = processes.get(model.id)?.state !== "stopped"
    const context = model.context_configured ? model.context : 0
    const inputs = model.vision ? ["text", "image"] : ["text"]
    const outputs = ["text"]
    return {
      id: model.id,
      object: "model",
      created,
      owned_by: "llama-swap",
      ...(model.name ? { name: model.name } : {}),
      ...(model.description ? { description: model.description } : {}),
      ...(model.kind === "chat"
        ? {
            architecture: {
              input_modalities: inputs,
              modality: `${inputs.join("+")}->${outputs.join("+")}`,
              output_modalities: outputs,
            },
          }
        : {}),
      ...capabilities(model),
      ...(model.tools ? { supported_parameters: ["tools", "tool_choice"] } : {}),
      ...(context > 0 ? { context_length: context } : {}),
      // Before v236 there is neither meta nor status.
      ...(edition.old
        ? {}
        : {
            meta: {
              llamaswap: {
                ...model.metadata,
                ...(model.aliases.length > 0 ? { aliases: model.aliases } : {}),
                type: "model",
              },
              ...(context > 0 ? { n_ctx: context } : {}),
            },
            status: { value: loaded ? "loaded" : "unloaded" },
          }),
    }
  }
}

function capabilities(model: ModelScenario) {
  const map = {
    ...(model.vision ? { vision: true } : {}),
    ...(model.tools ? { function_calling: true } : {}),
    ...(model.kind === "rerank" ? { reranker: true } : {}),
  }
  return Object.keys(map).length > 0 ? { capabilities: map } : {}
}

function commandLine(model: ModelScenario, proxyUrl: string): string {
  const port = new URL(proxyUrl).port
  const mode = model.kind === "embedding" ? " --embeddings" : model.kind === "rerank" ? " --reranking" : ""
  return `/opt/llama.cpp/llama-server --host 127.0.0.1 --port ${port} -m /models/${model.file} -c ${model.context} -np ${model.slots} -ngl 999 --jinja${mode}`
}

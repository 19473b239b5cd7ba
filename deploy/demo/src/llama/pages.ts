import { LLAMA_FINGERPRINT } from "./dialects/openai.ts"
import type { LlamaServer } from "./server.ts"

/** GET pages of a llama-server: what a same-host reader asks without waking or keeping a model. */
export function llamaPage(
  server: LlamaServer,
  path: string,
  ready: boolean,
): { status: number; body: unknown } | null {
  const { model } = server
  if (!ready) {
    const loading = { error: { code: 503, message: "Loading model", type: "unavailable_error" } }
    return { status: 503, body: loading }
  }
  switch (path) {
    case "/health":
    case "/v1/health":
      return { status: 200, body: { status: "ok" } }
    case "/props":
      return { status: 200, body: props(server) }
    case "/slots":
      return { status: 200, body: server.slots.map((slot) => slotPage(server, slot)) }
    case "/v1/models":
    case "/models":
      return {
        status: 200,
        body: {
          object: "list",
          data: [
            {
              id: model.id,
              object: "model",
              created: 0,
              owned_by: "llamacpp",
              meta: {
                n_vocab: 151936,
                n_ctx_train: model.context,
                n_embd: 4096,
                n_params: 30532122624,
                size: 21723660288,
              },
            },
          ],
        },
      }
    default:
      return null
  }
}

function props(server: LlamaServer) {
  const { model } = server
  return {
    default_generation_settings: {
      n_ctx: Math.floor(model.context / model.slots),
      params: { n_predict: -1, seed: 4294967295, temperature: 0.8, top_k: 40, top_p: 0.95, stream: true },
    },
    total_slots: model.slots,
    model_alias: model.id,
    model_path: `/models/${model.file}`,
    modalities: { vision: model.vision, video: false, audio: false },
    endpoint_slots: true,
    endpoint_props: false,
    endpoint_metrics: true,
    chat_template: "{% for message in messages %}{{ message.content }}{% endfor %}",
    build_info: LLAMA_FINGERPRINT,
    is_sleeping: false,
  }
}

function slotPage(server: LlamaServer, slot: LlamaServer["slots"][number]) {
  const base = {
    id: slot.id,
    n_ctx: Math.floor(server.model.context / server.model.slots),
    speculative: server.model.draft_acceptance !== null,
    is_processing: slot.busy,
  }
  if (slot.task === null) return base
  return {
    ...base,
    id_task: slot.task,
    n_prompt_tokens: slot.promptTokens,
    n_prompt_tokens_processed: slot.busy ? slot.promptTokens - slot.reusedTokens : 0,
    n_prompt_tokens_cache: slot.busy ? slot.reusedTokens : 0,
    params: { n_predict: -1, temperature: 0.8, stream: true },
    next_token: [{ has_next_token: slot.busy, has_new_line: true, n_remain: -1, n_decoded: slot.decoded }],
  }
}

import type { LoadKind } from "../ports.ts"
import type { HttpRequest } from "./http.ts"

export type WarmRequest = { path: string } & Pick<HttpRequest, "method" | "body" | "form">

/**
 * The smallest request that each kind of model answers. llama-swap routes it by its `model` and loads what it names;
 * for pictures, where even the smallest is minutes of work, it passes a look at the model's own page through, which
 * is how its own cockpit loads.
 */
export function warmRequestOf(model: string, kind: LoadKind): WarmRequest {
  switch (kind) {
    case "chat":
      return post("/v1/chat/completions", {
        ...{ model, max_tokens: 1, stream: false },
        messages: [{ role: "user", content: "hi" }],
      })
    case "embedding":
      return post("/v1/embeddings", { model, input: "hi" })
    case "rerank":
      return post("/v1/rerank", { model, query: "hi", documents: ["hi"] })
    case "speech":
      return post("/v1/audio/speech", { model, input: "hi", voice: "default" })
    case "transcription":
      return { path: "/v1/audio/transcriptions", method: "POST", form: silenceFor(model) }
    case "image":
      return { path: `/upstream/${pathOf(model)}/`, method: "GET" }
  }
}

function post(path: string, body: unknown): WarmRequest {
  return { path, method: "POST", body }
}

/** Slashes are part of a model's name and stay. */
export function pathOf(model: string): string {
  return model.split("/").map(encodeURIComponent).join("/")
}

const BOUNDARY = "boocontrol-warm"
const SAMPLE_RATE = 16_000
const SAMPLES = SAMPLE_RATE / 10

/** A form with a tenth of a second of silence. */
function silenceFor(model: string): NonNullable<HttpRequest["form"]> {
  const head = `--${BOUNDARY}\r\nContent-Disposition: form-data; name="model"\r\n\r\n${model}\r\n`
  const file =
    `--${BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="silence.wav"\r\n` +
    "Content-Type: audio/wav\r\n\r\n"
  const bytes = Buffer.concat([Buffer.from(head + file), silence(), Buffer.from(`\r\n--${BOUNDARY}--\r\n`)])
  return { contentType: `multipart/form-data; boundary=${BOUNDARY}`, bytes }
}

/** WAV, 16 bit, one channel. */
function silence(): Buffer {
  const data = SAMPLES * 2
  const wav = Buffer.alloc(44 + data)
  wav.write("RIFF", 0)
  wav.writeUInt32LE(36 + data, 4)
  wav.write("WAVEfmt ", 8)
  wav.writeUInt32LE(16, 16)
  wav.writeUInt16LE(1, 20)
  wav.writeUInt16LE(1, 22)
  wav.writeUInt32LE(SAMPLE_RATE, 24)
  wav.writeUInt32LE(SAMPLE_RATE * 2, 28)
  wav.writeUInt16LE(2, 32)
  wav.writeUInt16LE(16, 34)
  wav.write("data", 36)
  wav.writeUInt32LE(data, 40)
  return wav
}

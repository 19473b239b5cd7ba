import { expect, it } from "vitest"
import { quantOf } from "./models.ts"

it.each([
  ["qwen3-coder-30b-Q5_K_M.gguf", "Q5_K_M"],
  ["glm-4.6-air-IQ3_XS", "IQ3_XS"],
  ["llama-server -m /models/bge-m3-f16.gguf", "F16"],
  ["unsloth/Qwen3-UD-Q4_K_XL", "UD-Q4_K_XL"],
  ["gpt-oss-20b-mxfp4", "MXFP4"],
  ["llama-3.3-70b", null],
  ["qwen3-4b", null],
  ["faq8", null],
])("finds the quant of %s: %s", (text, quant) => {
  expect(quantOf(text)).toBe(quant)
})

import { expect, it } from "vitest"
import { forcedCall } from "./tool-call.ts"

const schema = {
  type: "object",
  properties: { city: { type: "string" }, days: { type: "integer" }, unit: { enum: ["C", "F"] } },
}
const openAi = [
  { type: "function", function: { name: "other", parameters: {} } },
  { type: "function", function: { name: "weather", parameters: schema } },
]
const anthropic = [{ name: "weather", input_schema: schema }]
const input = '{"city":"Berlin","days":1,"unit":"C"}'

it.each([
  [{ tools: openAi, tool_choice: { type: "function", function: { name: "weather" } } }, "weather", input],
  [{ tools: openAi, tool_choice: "required" }, "other", "{}"],
  [{ tools: anthropic, tool_choice: { type: "any" } }, "weather", input],
  [{ tools: anthropic, tool_choice: { type: "tool", name: "weather" } }, "weather", input],
])("calls the tool that %j insists on", (body, name, arguments_) => {
  expect(forcedCall(body)).toEqual({ name, input: arguments_ })
})

it.each([
  { tools: openAi },
  { tools: openAi, tool_choice: "auto" },
  { tools: anthropic, tool_choice: { type: "tool", name: "gone" } },
  { tool_choice: "required" },
])("prefers words where nothing forces it: %j", (body) => expect(forcedCall(body)).toBeNull())

import { z } from "zod"
import type { ModelBody } from "./request.ts"

/** What a model answers instead of words when the client insists on a tool. */
export interface ToolCall {
  name: string
  /** JSON that fits the tool's schema. */
  input: string
}

const Tool = z.union([
  z
    .object({ function: z.object({ name: z.string(), parameters: z.unknown() }) })
    .transform(({ function: { name, parameters } }) => ({ name, schema: parameters })),
  z
    .object({ name: z.string(), input_schema: z.unknown() })
    .transform(({ name, input_schema }) => ({ name, schema: input_schema })),
])
const Choice = z.union([
  z.literal("required").transform(() => ({ name: null })),
  z.object({ type: z.literal("any") }).transform(() => ({ name: null })),
  z.object({ type: z.literal("tool"), name: z.string() }),
  z.object({ function: z.object({ name: z.string() }) }).transform((given) => given.function),
])

/** Null: nothing forces a call, and a simulated model then prefers to talk. */
export function forcedCall(body: ModelBody): ToolCall | null {
  const choice = Choice.safeParse(body["tool_choice"])
  const tools = z.array(Tool).safeParse(body["tools"])
  if (!choice.success || !tools.success) return null
  const { name } = choice.data
  const tool = tools.data.find((one) => name === null || one.name === name)
  return tool ? { name: tool.name, input: JSON.stringify(exampleOf(tool.schema)) } : null
}

const Schema = z.looseObject({
  type: z.string().optional(),
  enum: z.array(z.unknown()).optional(),
  properties: z.record(z.string(), z.unknown()).optional(),
})

/** The plainest value that a JSON schema allows, as far as tools use them. */
function exampleOf(given: unknown): unknown {
  const { data: schema = {} } = Schema.safeParse(given)
  if (schema.enum) return schema.enum[0]
  switch (schema.type) {
    case "string":
      return "Berlin"
    case "number":
    case "integer":
      return 1
    case "boolean":
      return true
    case "array":
      return []
    default:
      return Object.fromEntries(
        Object.entries(schema.properties ?? {}).map(([name, of]) => [name, exampleOf(of)]),
      )
  }
}

import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { asyncApiDocument, jsonSchemaDocument } from "./documents.ts"

const generated = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`../generated/${name}`, import.meta.url), "utf8"))

describe("the generated documents", () => {
  it.each([
    ["json-schema.json", jsonSchemaDocument],
    ["asyncapi.json", asyncApiDocument],
  ])("%s is what the schemas say (else run: node shared/generate.ts)", (name, document) => {
    expect(generated(name)).toEqual(JSON.parse(JSON.stringify(document())))
  })
})

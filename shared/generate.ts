import { writeFileSync } from "node:fs"
import { asyncApiDocument, jsonSchemaDocument } from "./src/documents.ts"

/** Writes the documents that other tools read. `shared/src/documents.test.ts` fails when they are out of date. */
for (const [name, document] of Object.entries({
  "json-schema.json": jsonSchemaDocument(),
  "asyncapi.json": asyncApiDocument(),
})) {
  writeFileSync(new URL(`./generated/${name}`, import.meta.url), `${JSON.stringify(document, null, 2)}\n`)
}

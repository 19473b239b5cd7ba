import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { envExample } from "./src/settings.ts"

writeFileSync(join(import.meta.dirname, ".env.example"), envExample())

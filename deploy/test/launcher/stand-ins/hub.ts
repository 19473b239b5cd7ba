// Answers the health question as a hub would, shows what it was given, and ends when asked to.
import { createServer } from "node:http"

if (process.env.STAND_IN_REFUSES !== undefined) {
  console.error("BOO_LISTEN is not to my liking")
  process.exit(2)
}
const { port } = new URL(`http://${process.env.BOO_LISTEN}`)
createServer((request, response) => {
  if (request.url === "/crash") process.exit(7)
  const body = request.url === "/env" ? process.env : { ok: true }
  response.setHeader("content-type", "application/json").end(JSON.stringify(body))
}).listen(Number(port), "127.0.0.1")
process.on("SIGTERM", () => process.exit(0))

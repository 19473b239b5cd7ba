import Fastify from "fastify"
import type { FastifyPluginCallback } from "fastify"
import { installHttpRules } from "./platform/http.ts"

/** Some routes with nothing around them. Resolves to the text of a reply, rejects for any status but 200. */
export async function answering(
  ...plugins: readonly FastifyPluginCallback[]
): Promise<{ get(path: string): Promise<string>; listen(): Promise<string>; close(): Promise<void> }> {
  const app = Fastify()
  installHttpRules(app)
  for (const plugin of plugins) await app.register(plugin)
  return {
    async get(path) {
      const reply = await app.inject(path)
      if (reply.statusCode !== 200) throw new Error(`${path}: ${reply.statusCode} ${reply.body}`)
      return reply.body
    },
    /** Resolves to the address, for whoever is another process. */
    listen: () => app.listen({ host: "127.0.0.1", port: 0 }),
    close: () => app.close(),
  }
}

import swagger from "@fastify/swagger"
import swaggerUi from "@fastify/swagger-ui"
import type { FastifyInstance } from "fastify"

export interface OpenApiOptions {
  version: string
  /** Where the page is served, e.g. `/control/api/docs`. */
  path: string
}

/** Interactive description of the HTTP API. Register before the routes it shall describe. */
export async function installOpenApi(app: FastifyInstance, { version, path }: OpenApiOptions): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: { title: "BooControl", version, description: "HTTP API of the BooControl hub." },
      components: { securitySchemes: { token: { type: "http", scheme: "bearer" } } },
    },
  })
  // Nothing is loaded from elsewhere: without null it asks a validator on the internet about this API.
  await app.register(swaggerUi, { routePrefix: path, uiConfig: { deepLinking: true, validatorUrl: null } })
}

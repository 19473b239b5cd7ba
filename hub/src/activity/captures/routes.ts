import { CaptureReply } from "@boocontrol/shared/capture"
import { RequestId } from "@boocontrol/shared/ids"
import type { FastifyPluginCallback } from "fastify"
import * as z from "zod/mini"
import { describeRoute, parseParams } from "../../platform/http.ts"
import type { Captures } from "./index.ts"

const CaptureParams = z.object({ id: RequestId })

export function captureRoutes(captures: Pick<Captures, "stored" | "fetch">): FastifyPluginCallback {
  return (app, _options, done) => {
    app.get(
      "/activity/:id/capture",
      describeRoute({
        summary: "What was said in a request, as it is stored; says when it was evicted",
        ...{ tags: ["activity"], params: CaptureParams, response: CaptureReply },
      }),
      (request) => captures.stored(parseParams(CaptureParams, request.params).id),
    )
    app.post(
      "/activity/:id/capture",
      describeRoute({
        summary: "Fetches a capture from its host while the engine has it, takes secrets out, and stores it",
        ...{ tags: ["activity"], params: CaptureParams, response: CaptureReply },
      }),
      (request) => captures.fetch(parseParams(CaptureParams, request.params).id),
    )
    done()
  }
}

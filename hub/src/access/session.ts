import type { FastifyInstance } from "fastify"
import * as z from "zod/mini"
import { BooError } from "@boocontrol/shared/errors"
import { Session, SignIn } from "@boocontrol/shared/session"
import { describeRoute, parseBody } from "../platform/http.ts"
import { SESSION_PATH } from "./core.ts"
import type { Actor } from "./core.ts"
import { sessionCookie } from "./cookie.ts"
import type { Judge } from "./index.ts"

const tags = ["access"]
/** Signing in to the cockpit: a browser cannot be given a header, so it is given a cookie. */
export function sessionRoutes({ basePath, judge }: { basePath: string; judge: Judge }) {
  return async (app: FastifyInstance): Promise<void> => {
    app.get(
      "/session",
      describeRoute({ summary: "Who the hub takes you for", ...{ tags, response: Session } }),
      (request) => sessionOf(request.actor),
    )

    app.post(
      "/session",
      describeRoute({
        summary: "Sign in with a token: the browser keeps it for 30 days, out of reach of any script",
        ...{ tags, body: SignIn, response: Session },
      }),
      (request, reply) => {
        const { token } = parseBody(SignIn, request.body)
        const verdict = judge(request.raw, { path: SESSION_PATH, token })
        if (!verdict.ok) throw new BooError(verdict.code, verdict.details)
        const { actor } = verdict
        if (actor.kind === "anyone") throw new BooError("TOKEN_REFUSED", { problem: "is not known here" })
        const isTls = request.headers.origin?.startsWith("https:") === true
        void reply.header("set-cookie", sessionCookie({ token, basePath, isTls }))
        return sessionOf(actor)
      },
    )

    app.delete(
      "/session",
      describeRoute({
        summary: "Sign out: the browser forgets its token",
        ...{ tags, response: { 204: z.null() } },
      }),
      (_request, reply) =>
        reply
          .code(204)
          .header("set-cookie", sessionCookie({ token: null, basePath, isTls: false }))
          .send(),
    )
  }
}

function sessionOf(actor: Actor | null): Session {
  switch (actor?.kind) {
    case "local":
    case "administrator":
      return { kind: actor.kind, name: null, role: "admin" }
    case "person":
      return { kind: "person", name: actor.name, role: "admin" }
    case "token":
      return { kind: "token", name: actor.name, role: actor.role }
    default:
      return { kind: "anyone", name: null, role: null }
  }
}

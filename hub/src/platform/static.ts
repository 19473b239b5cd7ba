import { createHash } from "node:crypto"
import { readFileSync, statSync } from "node:fs"
import { join, resolve, sep } from "node:path"
import fastifyStatic from "@fastify/static"
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify"
import type { FirstScreen } from "./first-screen.ts"

export interface StaticOptions {
  /** The built cockpit. */
  root: string
  /** `/` or `/control`. */
  basePath: string
  contentSecurityPolicy: string
  /** For the page that shows the fleet, sent to whom the fleet may be shown. */
  firstScreen?: FirstScreen
}

interface Page {
  html: string
  policy: string
  mtimeMs: number
}

const FOREVER = "public, max-age=31536000, immutable"
const ASK_AGAIN = "no-cache"
// Figures of a moment: neither shown again later nor left on a disk.
const NEVER_KEEP = "no-store"

/** Serves the cockpit: files as they are, and its page for every other address, so that a link into it works. */
export async function installStatic(app: FastifyInstance, options: StaticOptions): Promise<void> {
  const { root, basePath, contentSecurityPolicy, firstScreen } = options
  const prefix = basePath === "/" ? "" : basePath
  await app.register(fastifyStatic, { root, serve: false, preCompressed: true, cacheControl: false })
  let page: Page | null = null

  const currentPage = (): Page | null => {
    const file = join(root, "index.html")
    const mtimeMs = statSync(file, { throwIfNoEntry: false })?.mtimeMs
    if (mtimeMs === undefined) return null
    if (page?.mtimeMs !== mtimeMs) {
      const html = withBase(readFileSync(file, "utf8"), `${prefix}/`)
      page = { html, mtimeMs, policy: withScripts(contentSecurityPolicy, html) }
    }
    return page
  }

  const sendPage = (reply: FastifyReply, written: string | null = null): FastifyReply => {
    const current = currentPage()
    if (!current) return sendNotBuilt(reply)
    return reply
      .headers({
        "cache-control": written === null ? ASK_AGAIN : NEVER_KEEP,
        // Of the page as it was built: what was written into it may bring no script.
        "content-security-policy": current.policy,
      })
      .type("text/html; charset=utf-8")
      .send(written ?? current.html)
  }

  const sendFleetPage = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const current = currentPage()
    const actor = request.actor?.kind ?? "anyone"
    const write = actor === "anyone" ? undefined : firstScreen
    return sendPage(reply, write && current ? await write(current.html, `${prefix}/`) : null)
  }

  const serve = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const path = decodeURI(request.url.split("?", 1)[0] ?? "").slice(prefix.length + 1)
    // A page that is narrowed to something is not the one the hub would write.
    const isPlain = !request.url.includes("?")
    if (path === "" || path === "index.html") return isPlain ? sendFleetPage(request, reply) : sendPage(reply)
    if (isFileIn(root, path)) {
      // Vite puts a hash of the content into the name of everything in assets/.
      reply.header("cache-control", path.startsWith("assets/") ? FOREVER : ASK_AGAIN)
      return reply.sendFile(path)
    }
    const isForCode = /^(api|v1|metrics)(\/|$)/.test(path)
    const wantsPage = (request.headers.accept ?? "").includes("text/html")
    if (!isForCode && wantsPage) return sendPage(reply)
    reply.callNotFound()
    return reply
  }

  const hidden = { schema: { hide: true } }
  if (prefix !== "") app.get(prefix, hidden, async (_request, reply) => reply.redirect(`${prefix}/`))
  app.get(`${prefix}/`, hidden, serve)
  app.get(`${prefix}/*`, hidden, serve)
}

function isFileIn(root: string, path: string): boolean {
  const file = resolve(root, path)
  if (!file.startsWith(root + sep)) return false
  return statSync(file, { throwIfNoEntry: false })?.isFile() ?? false
}

/** Relative addresses of the page hold from any depth below the base path. */
export function withBase(html: string, href: string): string {
  const withoutOld = html.replace(/<base\b[^>]*>/i, "")
  return withoutOld.replace(/<head\b[^>]*>/i, (head) => `${head}<base href="${href}">`)
}

/** Allows the scripts that stand in the page itself by their hash, and no other inline script. */
export function withScripts(policy: string, html: string): string {
  const inline = [...html.matchAll(/<script(?![^>]*\bsrc=)[^>]*>([\s\S]*?)<\/script>/gi)]
  const hashes = inline.map(
    ([, text = ""]) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`,
  )
  return hashes.length > 0 ? `${policy}; script-src 'self' ${hashes.join(" ")}` : policy
}

function sendNotBuilt(reply: FastifyReply): FastifyReply {
  return reply
    .code(503)
    .header("cache-control", "no-store")
    .type("text/html; charset=utf-8")
    .send(
      `<!doctype html><title>BooControl</title><h1>The cockpit is not built</h1>
<p>The hub works, its pages are missing. Build them with <code>pnpm build</code> in the project's folder, or start
everything with <code>npm start</code>. The API is described at <a href="api/docs">api/docs</a>.</p>`,
    )
}

import { readFile, rm, writeFile } from "node:fs/promises"
import { basename, join } from "node:path"
import type { Plugin } from "vite"

const BOOT = join(import.meta.dirname, "../public/boot.js")
const BOOT_TAG = /[ \t]*<script src="\.\/boot\.js"><\/script>\n?/
const STYLE_TAG = /[ \t]*<link rel="stylesheet"[^>]*href="\.\/(assets\/index-[^"]+\.css)"[^>]*>\n?/
const MAIN_TAG = /[ \t]*<script type="module"[^>]*src="(\.\/assets\/index-[^"]+\.js)"[^>]*><\/script>\n?/

/**
 * The page as it is sent: with its style and its first script in it, so that nothing has to be fetched before it can be
 * painted. The cockpit's code is fetched beside it; boot.js runs it, after the first paint where there is one to be seen.
 */
export function startPage(): Plugin {
  let inPage: { readonly style: string; readonly main: string } | null = null
  return {
    name: "boocontrol:start-page",
    apply: "build",
    enforce: "post",
    async generateBundle(_options, bundle) {
      const page = bundle["index.html"]
      if (page?.type !== "asset") return
      const html = String(page.source)
      const [, styleName = ""] = STYLE_TAG.exec(html) ?? []
      const [, main] = MAIN_TAG.exec(html) ?? []
      const style = bundle[styleName]
      if (style?.type !== "asset" || main === undefined)
        throw new Error("the page names no style or no script")
      // Its addresses were written as seen from assets/.
      const css = String(style.source).trim().replaceAll("url(./", "url(./assets/")
      const boot = (await readFile(BOOT, "utf8")).replace(/^\s*\/\/.*\n/gm, "").trim()
      page.source = html
        .replace(STYLE_TAG, () => `    <style>${css}</style>\n`)
        .replace(
          MAIN_TAG,
          () => `    <link rel="modulepreload" fetchpriority="low" crossorigin href="${main}" data-main />\n`,
        )
        .replace(BOOT_TAG, "")
        .replace("</head>", () => `  <script>\n${boot}\n    </script>\n  </head>`)
      delete bundle[styleName]
      inPage = { style: basename(styleName), main: basename(main) }
    },
    async writeBundle({ dir = "dist" }, bundle) {
      await rm(join(dir, "boot.js"), { force: true })
      if (inPage === null) return
      // What comes later names the style of the start as something to wait for, and would fail without it. It is in the
      // page: the code stands for it. Written after all of this, so it is mended in the files.
      for (const { type, fileName } of Object.values(bundle)) {
        if (type !== "chunk") continue
        const file = join(dir, fileName)
        const code = await readFile(file, "utf8")
        if (code.includes(inPage.style)) await writeFile(file, code.replaceAll(inPage.style, inPage.main))
      }
    },
  }
}

import vue from "@vitejs/plugin-vue"
import { defineConfig } from "vite"
import { exactFrames } from "./build/exact-frames.ts"
import { onlyFirstScreen } from "./build/only-first-screen.ts"
import { precompress } from "./build/precompress.ts"
import { startChunk } from "./build/start-chunk.ts"
import { startPage } from "./build/start-page.ts"

// The hub of `pnpm dev`; only the development server uses it.
const HUB = "http://127.0.0.1:9503"

// Schemas and their library: no page draws anything with them.
const CONTRACT = /[\\/](zod|shared[\\/]src)[\\/]/

const define = { __VUE_OPTIONS_API__: "false", __VUE_PROD_DEVTOOLS__: "false" }

export default defineConfig(({ command, isSsrBuild }) => {
  // A build is for use, whoever starts it: under a test runner Vue would otherwise come with all its warnings.
  if (command === "build") process.env["NODE_ENV"] = "production"
  return isSsrBuild ? FIRST_SCREEN : cockpit()
})

/** What the hub runs to write the fleet into the page: one file that needs nothing else. */
const FIRST_SCREEN = defineConfig({
  root: import.meta.dirname,
  plugins: [exactFrames(), vue(), onlyFirstScreen()],
  define: { ...define, "process.env.NODE_ENV": '"production"' },
  ssr: { target: "webworker", noExternal: true },
  build: {
    target: "es2023",
    outDir: "dist/server",
    emptyOutDir: true,
    copyPublicDir: false,
    minify: true,
  },
})

const cockpit = () => {
  const { plugin: start, isOfStart } = startChunk()
  return defineConfig({
    root: import.meta.dirname,
    // Relative addresses: the hub says by <base href> under which path it serves the cockpit.
    base: "./",
    plugins: [exactFrames(), vue(), start, startPage(), precompress()],
    define,
    build: {
      target: "es2023",
      assetsInlineLimit: 0,
      // Without it every lazy page would bring a polyfill that all supported browsers have built in.
      modulePreload: { polyfill: false },
      rolldownOptions: {
        output: {
          codeSplitting: {
            includeDependenciesRecursively: false,
            groups: [
              { name: "start", test: isOfStart },
              { name: "contract", test: CONTRACT },
            ],
          },
        },
      },
      reportCompressedSize: false,
      chunkSizeWarningLimit: 900,
    },
    server: {
      proxy: { "/api": { target: HUB, ws: true } },
    },
  })
}

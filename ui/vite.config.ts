import vue from "@vitejs/plugin-vue"
import { defineConfig } from "vite"
import { exactFrames } from "./build/exact-frames.ts"
import { precompress } from "./build/precompress.ts"
import { startChunk } from "./build/start-chunk.ts"

// The hub of `pnpm dev`; only the development server uses it.
const HUB = "http://127.0.0.1:9503"

// Schemas and their library: no page draws anything with them.
const CONTRACT = /[\\/](zod|shared[\\/]src)[\\/]/

export default defineConfig(({ command }) => {
  // A build is for use, whoever starts it: under a test runner Vue would otherwise come with all its warnings.
  if (command === "build") process.env["NODE_ENV"] = "production"
  const { plugin: start, isOfStart } = startChunk()
  return {
    root: import.meta.dirname,
    // Relative addresses: the hub says by <base href> under which path it serves the cockpit.
    base: "./",
    plugins: [exactFrames(), vue(), start, precompress()],
    define: { __VUE_OPTIONS_API__: "false", __VUE_PROD_DEVTOOLS__: "false" },
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
  }
})

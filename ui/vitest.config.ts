import vue from "@vitejs/plugin-vue"
import { defineConfig } from "vitest/config"

/** Components are tested mounted; a test that needs a document says so: `// @vitest-environment happy-dom`. */
export default defineConfig({
  root: import.meta.dirname,
  plugins: [vue()],
  define: { __VUE_OPTIONS_API__: "false", __VUE_PROD_DEVTOOLS__: "false" },
  test: {
    name: "ui",
    include: ["**/*.test.ts"],
    exclude: ["**/node_modules/**", "**/dist/**", "e2e/**"],
    environment: "node",
    setupFiles: ["../deploy/test/patience.ts"],
    expect: { poll: { timeout: 30_000 } },
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
})

import { availableParallelism } from "node:os"
import { defineConfig } from "vitest/config"

// A test file may start servers and a browser of its own: more at once than cores only makes them wait for one another.
const workers = Math.max(2, Math.min(8, Math.floor(availableParallelism() / 2)))
const BROWSER = ["ui/e2e/**/*.test.ts", "deploy/test/e2e/**/*.test.ts"]
const NEVER = ["**/node_modules/**", "**/dist/**", ".runtime/**"]

export default defineConfig({
  test: {
    globalSetup: ["deploy/test/services/global-setup.ts"],
    maxWorkers: workers,
    passWithNoTests: false,
    projects: [
      "ui/vitest.config.ts",
      {
        test: {
          name: "unit",
          include: ["shared", "sidecar", "hub", "deploy", "suites"].map((place) => `${place}/**/*.test.ts`),
          exclude: [...NEVER, ...BROWSER],
          environment: "node",
          setupFiles: ["deploy/test/patience.ts"],
          expect: { poll: { timeout: 30_000 } },
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: "e2e",
          include: BROWSER,
          exclude: NEVER,
          environment: "node",
          setupFiles: ["deploy/test/patience.ts"],
          expect: { poll: { timeout: 30_000 } },
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 120_000,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
})

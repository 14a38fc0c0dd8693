import { defineConfig } from 'vitest/config'

/** Clusters, which take long to start: not part of the tests that come before each merge. */
export default defineConfig({
  test: {
    include: ['test/topologies/**/*.test.ts'],
    globalSetup: ['@larder/dev-servers/global-setup'],
    server: { deps: { external: [/\/dist\/.*\.js$/] } },
    maxWorkers: 1,
    testTimeout: 180_000,
    hookTimeout: 300_000,
    expect: { poll: { interval: 10, timeout: 20_000 } },
    teardownTimeout: 30_000,
    dangerouslyIgnoreUnhandledErrors: false,
    allowOnly: false,
    passWithNoTests: false,
  },
})

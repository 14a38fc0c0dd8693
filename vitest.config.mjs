import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: [
      '{packages,examples,tools}/*/test/**/*.test.ts',
      'test/**/*.test.ts',
      'bench/test/**/*.test.ts',
    ],
    globalSetup: ['@larder/dev-servers/global-setup'],
    // The packages run as they are published: built, and loaded by Node itself.
    server: { deps: { external: [/\/dist\/.*\.js$/] } },
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // What happens soon may take its time where the machine has other things to do.
    expect: { poll: { interval: 10, timeout: 20_000 } },
    teardownTimeout: 30_000,
    // A promise that nobody waits for is a fault here, never a warning.
    dangerouslyIgnoreUnhandledErrors: false,
    allowOnly: false,
    passWithNoTests: false,
  },
})

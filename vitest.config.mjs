import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'
import { BaseSequencer } from 'vitest/node'

/** Those that take longest, begun first, so that none of them is left over at the end. */
const LONG = [
  'simulation/simulation.test.ts',
  'storage-sql/test/large-content.test.ts',
  'system/chaos.test.ts',
  'system/fresh-projects.test.ts',
  'storage-sql/test/faults.test.ts',
  'storage-sql/test/opening.test.ts',
  'test/contract/contract.test.ts',
  'system/contract.test.ts',
  'cached-query/test/cached-query.test.ts',
  'content-repository/test/ten-thousand.test.ts',
]

class LongestFirst extends BaseSequencer {
  async sort(files) {
    const sorted = await super.sort(files)
    const isLong = ({ moduleId }) => LONG.some((name) => moduleId.endsWith(name))
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))]
  }
}

export default defineConfig({
  test: {
    include: [
      '{packages,examples,apps,tools}/*/test/**/*.test.ts',
      'test/**/*.test.ts',
      'bench/test/**/*.test.ts',
    ],
    // They have a command of their own.
    exclude: ['**/node_modules/**', 'test/topologies/**'],
    globalSetup: ['@larder/dev-servers/global-setup'],
    // The packages run as they are published: built, and loaded by Node itself.
    server: { deps: { external: [/\/dist\/.*\.js$/] } },
    sequence: { sequencer: LongestFirst },
    // Many tests wait for servers and for time to pass: one file more than there are processors.
    maxWorkers: Math.min(availableParallelism() + 1, 8),
    testTimeout: 90_000,
    hookTimeout: 90_000,
    // What happens soon may take its time where the machine has other things to do.
    expect: { poll: { interval: 10, timeout: 20_000 } },
    teardownTimeout: 30_000,
    // A promise that nobody waits for is a fault here, never a warning.
    dangerouslyIgnoreUnhandledErrors: false,
    allowOnly: false,
    passWithNoTests: false,
  },
})

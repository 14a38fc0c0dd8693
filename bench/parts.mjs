// What `npx pnpm@12 bench` runs, in the order of the report. Each script writes NAME.json into the folder BENCH_RESULTS.
export const PARTS = {
  memcache: {
    script: 'memcache/run.mjs',
    quick: { args: ['--rounds', '3', '--scale', '0.25'] },
    full: { args: ['--rounds', '9'] },
  },
  'memcache-curve': {
    script: 'memcache/curve.mjs',
    quick: { args: ['--rounds', '3', '--round-ms', '50'] },
    full: {},
  },
  'memcache-layers': {
    script: 'memcache/layers.mjs',
    quick: { env: { ROUNDS: '5', OPERATIONS: '20000' } },
    full: { env: { ROUNDS: '15' } },
  },
  'memcache-soak': {
    script: 'memcache/soak.mjs',
    quick: { env: { OPERATIONS: '300000' } },
    full: {},
  },
  storage: {
    script: 'storage/run.mjs',
    quick: { args: ['--rounds', '7', '--round-ms', '80', '--files', '1000', '--stream-mb', '100'] },
    full: { args: ['--rounds', '9', '--round-ms', '350', '--files', '10000', '--stream-mb', '500'] },
  },
  queries: {
    script: 'queries/run.mjs',
    quick: { args: ['--rounds', '3', '--round-ms', '250'] },
    full: { args: ['--rounds', '9', '--round-ms', '700'] },
  },
  journal: {
    script: 'sql/journal.mjs',
    quick: { env: { ROUNDS: '5', WRITES: '24' } },
    full: {},
  },
  atom: {
    script: 'atom/run.mjs',
    quick: { args: ['--rounds', '3', '--round-s', '1', '--entries', '1000'] },
    full: {},
  },
  races: { script: 'races/run.mjs', quick: {}, full: {} },
  listing: {
    script: 'listing/run.mjs',
    quick: { env: { ROUNDS: '3', COUNTS: '100,1000,10000' } },
    full: {},
  },
  watching: {
    script: 'watching/run.mjs',
    quick: { args: ['--rounds', '3', '--round-ms', '250'] },
    full: {},
  },
  install: { script: 'install/run.mjs', quick: { env: { ROUNDS: '5' } }, full: {} },
}

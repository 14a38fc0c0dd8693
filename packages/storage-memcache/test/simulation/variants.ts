import type { Cache } from '@larder/storage-memcache'
import { naiveStorage } from '../support/naive-storages.js'
import type { Finding } from './judge.js'
import * as omissions from './omissions.js'
import { CALM, LISTING, PAUSING, PROXY, type WorldOptions } from './world.js'

/** A protocol with one thing left out, and a world in which that shows. */
export interface Variant {
  readonly world: WorldOptions
  /** What must be found: one of these. */
  readonly found: readonly Finding['kind'][]
}

const through =
  (wrap: (cache: Cache) => Cache): WorldOptions['make'] =>
  (storage, cache, environment, protocol) =>
    PROXY(storage, wrap(cache), environment, protocol)

/** All want the same. */
const HOT: WorldOptions = {
  ...CALM,
  ...{ resources: 1, conditions: 0, mix: { read: 0.6, write: 0.3, remove: 0.1 } },
}

export const variants: Readonly<Record<string, Variant>> = {
  'set after commit, set on a miss': {
    world: { ...CALM, make: (storage, cache) => naiveStorage(storage, cache, 'set after commit') },
    found: ['stale'],
  },
  'delete after commit': {
    world: { ...CALM, make: (storage, cache) => naiveStorage(storage, cache, 'delete after commit') },
    found: ['stale'],
  },
  'plain set': {
    world: { ...CALM, make: through((cache) => new omissions.PlainSet(cache)) },
    found: ['stale', 'back'],
  },
  'leases alone': {
    world: { ...HOT, make: through((cache) => new omissions.LeasesAlone(cache)) },
    found: ['stale', 'back'],
  },
  'versions alone': {
    world: { ...HOT, make: through((cache) => new omissions.VersionsAlone(cache)) },
    found: ['stale', 'back'],
  },
  'mark outside the row lock': {
    world: {
      ...HOT,
      make: (storage, cache, environment, protocol) =>
        PROXY(new omissions.HookOutside(storage), cache, environment, protocol),
    },
    found: ['stale'],
  },
  'creations told without a look at the storage': {
    world: {
      ...LISTING,
      ...{ processes: 4, resources: 1, evictions: 1, mix: { read: 0, write: 0.35, remove: 0.3 } },
      make: (storage, cache, environment, protocol) =>
        PROXY(new omissions.NoLookBehind(storage), cache, environment, protocol),
    },
    found: ['stale'],
  },
  "marks released that stood in the place of others'": {
    world: {
      ...PAUSING,
      make: (storage, cache, environment, protocol) => {
        const releasing = new omissions.MarksReleased(cache)
        return PROXY(new omissions.TellingOfRollbacks(storage, releasing), releasing, environment, protocol)
      },
    },
    found: ['stale'],
  },
  'sets read before their writers log': {
    world: { ...LISTING, make: through((cache) => new omissions.LateLogs(cache)) },
    found: ['stale'],
  },
  'entries without versions': {
    world: { ...LISTING, make: through((cache) => new omissions.NoVersionsInLogs(cache)) },
    found: ['stale'],
  },
  'CAS kept over a reconnect': {
    world: { ...HOT, restarts: 0.3, make: through((cache) => new omissions.CasKept(cache)) },
    found: ['stale'],
  },
  "CAS kept over a reconnect of the library's own client": {
    world: {
      ...HOT,
      ...{ wire: true, restarts: 0.15, timeRate: 0 },
      make: through((cache) => new omissions.CasKept(cache)),
    },
    found: ['stale'],
  },
  'acknowledged on a guess': {
    world: {
      ...HOT,
      evictions: 1,
      make: through((cache) => new omissions.Guessing(cache)),
    },
    found: ['stale'],
  },
  'nothing older is taken away': {
    world: { ...HOT, evictions: 1, make: through((cache) => new omissions.NothingCleared(cache)) },
    found: ['stale', 'back'],
  },
  'nobody asks for changes past the library': {
    world: {
      ...CALM,
      ...{ outsiders: 0.2 },
      make: (storage, cache, environment, protocol) =>
        PROXY(new omissions.NoRelay(storage), cache, environment, protocol),
    },
    found: ['not healed'],
  },
  'no relay': {
    world: {
      ...CALM,
      ...{ processes: 4, crashes: 0.1 },
      make: (storage, cache, environment, protocol) =>
        PROXY(new omissions.NoRelay(storage), cache, environment, protocol),
    },
    found: ['not healed'],
  },
}

import type { Storage } from '@larder/storage-core'
import type { Cache } from '@larder/memcached'
import { naiveStorage } from '../support/naive-storages.js'
import type { Finding } from './judge.js'
import * as omissions from './omissions.js'
import { CALM, LATE_COMMITS, LISTING, MIDDLEMEN, NEAR, PAUSING, PROXY, type WorldOptions } from './world.js'

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

const over =
  (wrap: (storage: Storage) => Storage): WorldOptions['make'] =>
  (storage, cache, environment, protocol) =>
    PROXY(wrap(storage), cache, environment, protocol)

/** Every write is of all resources. */
const ALL_AT_ONCE: WorldOptions = {
  ...CALM,
  ...{ conditions: 0, together: 1, mix: { read: 0.7, write: 0.3, remove: 0 } },
}

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
      make: over((storage) => new omissions.HookOutside(storage)),
    },
    found: ['stale'],
  },
  'creations told without a look at the storage': {
    world: {
      ...LISTING,
      ...{ processes: 4, resources: 1, evictions: 1, mix: { read: 0, write: 0.35, remove: 0.3 } },
      make: over((storage) => new omissions.NoLookBehind(storage)),
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
      ...{ wire: 'meta', restarts: 0.15, timeRate: 0 },
      make: through((cache) => new omissions.CasKept(cache)),
    },
    found: ['stale'],
  },
  "the server's own CAS numbers behind a middleman that keeps connections": {
    world: { ...HOT, ...MIDDLEMEN, serverVersion: '1.6.18' },
    found: ['stale', 'back'],
  },
  'near copies are served without asking': {
    world: { ...NEAR, make: through((cache) => new omissions.CopiesUnconfirmed(cache)) },
    found: ['stale'],
  },
  'near copies are confirmed by a number of any connection': {
    world: { ...NEAR, restarts: 0.4, make: through((cache) => new omissions.CopiesOfAnyConnection(cache)) },
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
      make: over((storage) => new omissions.NoRelay(storage)),
    },
    found: ['not healed'],
  },
  'one after the other instead of together': {
    world: { ...ALL_AT_ONCE, make: over((storage) => new omissions.OneAfterTheOther(storage)) },
    found: ['split'],
  },
  'only the first of several is marked': {
    world: { ...ALL_AT_ONCE, make: over((storage) => new omissions.FirstMarkOnly(storage)) },
    found: ['split', 'stale'],
  },
  'a transaction of several calls commits without marks': {
    world: {
      ...ALL_AT_ONCE,
      callByCall: true,
      make: over((storage) => new omissions.NoMarksCallByCall(storage)),
    },
    found: ['split', 'stale'],
  },
  'the cache is not told of a transaction of several calls': {
    world: {
      ...CALM,
      together: 1,
      callByCall: true,
      make: over((storage) => new omissions.UntoldCallByCall(storage)),
    },
    found: ['stale'],
  },
  "errors of a middleman are taken for the database's": {
    world: {
      ...CALM,
      middlemanErrors: 0.2,
      make: over((storage) => new omissions.MiddlemenBelieved(storage)),
    },
    found: ['written though rejected'],
  },
  'marks are released after an error of a middleman': {
    world: {
      ...LATE_COMMITS,
      make: over((storage) => new omissions.MiddlemenBelieved(storage)),
    },
    found: ['not healed'],
  },
  'absences of two moments are one answer': {
    world: {
      ...CALM,
      ...{ turns: true, servers: 2, processes: 4, rollbacks: 0, operations: 20 },
      make: (...parts) => new omissions.AbsencesJoined(PROXY(...parts)),
    },
    found: ['vanished'],
  },
  'no relay': {
    world: {
      ...CALM,
      ...{ processes: 4, crashes: 0.1 },
      make: over((storage) => new omissions.NoRelay(storage)),
    },
    found: ['not healed'],
  },
}

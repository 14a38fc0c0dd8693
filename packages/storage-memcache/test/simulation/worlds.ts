import { CALM, LATE_COMMITS, LISTING, MIDDLEMEN, NEAR, PAUSING, type WorldOptions } from './world.js'

/** Times to live of seconds, so that they end within a run. */
const SHORT_LIVES = Object.freeze({
  ...CALM.protocol,
  ...{ ttlMs: 4_000, absentTtlMs: 2_000, leaseTtlMs: 1_000, markTtlMs: 12_000 },
  ...{ relayAfterMs: 1_000, relayIntervalMs: 500, lockTimeoutMs: 20_000 },
})
const HOURS = Object.freeze({ ...CALM, waits: 0.3, timeRate: 0.02, protocol: SHORT_LIVES })
/** Some contents do not fit into an item, and listings outgrow theirs. */
const SMALL_ITEMS = Object.freeze({ largeContents: 0.3, maxItemBytes: 90 })
const BYPASS = Object.freeze({ ...SHORT_LIVES, whenCacheFails: 'bypass' as const })
/** What is wrong in the end stays wrong, and is found. */
const LASTING_BYPASS = Object.freeze({
  ...BYPASS,
  ...{ ttlMs: 3_600_000, absentTtlMs: 3_600_000 },
})

/** The library's own client, with its connections, batches, time-outs and tokens. */
const WIRE = Object.freeze({ ...CALM, wire: 'meta', servers: 2 })
const GRACE = Object.freeze({
  ...CALM.protocol,
  ...{ ttlMs: 1, graceMs: 1_000_000, softTimeoutMs: 2, whenStorageFails: 'grace' as const },
})
const WRITING = Object.freeze({ read: 0.5, write: 0.32, remove: 0.1 })

/** Most writes are of several resources. */
const TOGETHER = Object.freeze({
  conditions: 0.1,
  together: 0.7,
  mix: { read: 0.6, write: 0.25, remove: 0.05 },
})

/** Resources exist all the time, though neither of their parts does. */
const TURNS = Object.freeze({ turns: true, servers: 2, processes: 4, rollbacks: 0, operations: 20 })

/** Every world in which the library must keep its promises. */
export const worlds: Readonly<Record<string, WorldOptions>> = {
  'nothing fails': CALM,
  'items are evicted': { ...CALM, evictions: 0.3 },
  'a server restarts': { ...CALM, evictions: 0.1, restarts: 0.15 },
  'answers are lost': { ...CALM, losses: 0.1 },
  'answers are lost and items evicted': { ...CALM, losses: 0.05, evictions: 0.2 },
  'processes die': { ...CALM, processes: 4, crashes: 0.05 },
  'processes die and items are evicted': { ...CALM, processes: 4, crashes: 0.05, evictions: 0.2 },
  'contents come in pieces': { ...CALM, ...SMALL_ITEMS, evictions: 0.2, restarts: 0.03 },
  'all want the same': { ...CALM, processes: 4, resources: 1, mix: WRITING, evictions: 0.5 },
  'clients share their processes': { ...CALM, processes: 2, clients: 3, operations: 8, evictions: 0.1 },
  'clients share their processes and all want the same': {
    ...CALM,
    ...{ processes: 2, clients: 4, operations: 8, resources: 1, evictions: 0.5 },
    mix: { read: 0.7, write: 0.25, remove: 0.05 },
  },
  'clients share their processes, answers are lost and items evicted': {
    ...CALM,
    ...{ processes: 2, clients: 4, operations: 8, resources: 1, conditions: 0, losses: 0.15, evictions: 0.5 },
    mix: { read: 0.75, write: 0.2, remove: 0.05 },
  },
  'time passes': { ...HOURS, ...SMALL_ITEMS, evictions: 0.1 },
  'transactions are slow': { ...HOURS, waits: 0.1, slowTransactions: 0.3, evictions: 0.1 },
  'processes stand still': { ...HOURS, waits: 0.1, stops: 0.15, evictions: 0.1 },
  'commits get no answer': { ...CALM, lostCommits: 0.2, evictions: 0.1 },
  'commits are answered by a middleman': {
    ...CALM,
    ...{ middlemanErrors: 0.15, lateCommits: 0.1, evictions: 0.1 },
  },
  // Nothing but its mark tells of such a commit, so that no mark may be lost.
  'commits are answered by a middleman, and nothing is journaled': {
    ...CALM,
    ...{ middlemanErrors: 0.2, journal: false },
  },
  'commits come after the answer of a middleman': LATE_COMMITS,
  'parts take turns on two servers': { ...CALM, ...TURNS },
  'parts take turns, and everything fails': {
    ...HOURS,
    ...TURNS,
    ...{ evictions: 0.2, restarts: 0.03, crashes: 0.02, stops: 0.03, losses: 0.03, lostCommits: 0.05 },
  },
  'relays work and die': {
    ...HOURS,
    ...SMALL_ITEMS,
    ...{ processes: 4, crashes: 0.04, lostCommits: 0.1, losses: 0.03, evictions: 0.2 },
  },
  'one of two servers fails': { ...HOURS, servers: 2, outages: 0.1, evictions: 0.1 },
  'one of two servers fails, and writes go on': {
    ...HOURS,
    ...SMALL_ITEMS,
    ...{ servers: 2, outages: 0.1, losses: 0.02, protocol: BYPASS },
  },
  // Writers whose marks got lost meet the marks of others, who may install much later.
  'writes go on while answers are lost and processes stand still': {
    ...HOURS,
    ...{ processes: 4, resources: 1, operations: 8, conditions: 0, waits: 0.1, evictions: 0.05 },
    ...{ losses: 0.3, stops: 0.3, mix: { read: 0.3, write: 0.6, remove: 0.1 }, protocol: LASTING_BYPASS },
  },
  'everything fails': {
    ...HOURS,
    ...SMALL_ITEMS,
    ...{ processes: 4, servers: 2, evictions: 0.15, restarts: 0.03, crashes: 0.03, stops: 0.05 },
    ...{ outages: 0.05, losses: 0.03, slowTransactions: 0.1, lostCommits: 0.05 },
  },
  'several are written together': { ...CALM, ...TOGETHER, crashes: 0.02, lostCommits: 0.05 },
  'several are written together, and items are evicted': { ...CALM, ...TOGETHER, evictions: 0.2 },
  'several are written together, over connections': { ...WIRE, ...TOGETHER, evictions: 0.1, losses: 0.05 },
  'several are written together, and everything fails': {
    ...HOURS,
    ...TOGETHER,
    ...{
      processes: 4,
      resources: 3,
      operations: 8,
      servers: 2,
      evictions: 0.15,
      restarts: 0.03,
      crashes: 0.03,
    },
    ...{ stops: 0.05, outages: 0.05, losses: 0.03, slowTransactions: 0.1, lostCommits: 0.05 },
  },
  'several are written call by call': {
    ...{ ...CALM, ...TOGETHER, callByCall: true },
    ...{ crashes: 0.02, lostCommits: 0.05 },
  },
  'several are written call by call, and items are evicted': {
    ...{ ...CALM, ...TOGETHER, callByCall: true, evictions: 0.2 },
  },
  'several are written call by call, and everything fails': {
    ...{ ...HOURS, ...TOGETHER, callByCall: true },
    ...{ processes: 4, resources: 3, operations: 8, servers: 2, evictions: 0.15, restarts: 0.03 },
    ...{ crashes: 0.03, stops: 0.05, outages: 0.05, losses: 0.03, slowTransactions: 0.1, lostCommits: 0.05 },
  },
  'no transactions': { ...CALM, transactions: false },
  'no transactions, and everything but death': {
    ...HOURS,
    ...SMALL_ITEMS,
    ...{ transactions: false, evictions: 0.15, restarts: 0.05, losses: 0.03, slowTransactions: 0.1 },
  },
  'values are served past their time': {
    ...CALM,
    ...{ evictions: 0.1, restarts: 0.05, crashes: 0.02 },
    protocol: GRACE,
  },
  'processes keep near copies': NEAR,
  'processes keep near copies, and everything fails': {
    ...{ ...HOURS, largeContents: 1, nearCopies: true, mix: NEAR.mix },
    ...{ evictions: 0.15, restarts: 0.05, crashes: 0.02, stops: 0.03, outages: 0.03, losses: 0.03 },
  },
  'processes keep near copies, over connections': {
    ...{ ...WIRE, largeContents: 1, nearCopies: true, resources: 1, mix: NEAR.mix },
    ...{ evictions: 0.1, restarts: 0.1, timeRate: 0 },
  },
  'processes keep near copies, over connections that outlive restarts': {
    ...{ ...MIDDLEMEN, largeContents: 1, nearCopies: true, mix: NEAR.mix },
  },
  'members come and go': LISTING,
  'members come and go and items are evicted': { ...LISTING, evictions: 0.2 },
  'members come and go in items that are soon full': { ...LISTING, maxItemBytes: 64, losses: 0.02 },
  'writers pause, and are overtaken': PAUSING,
  'over connections': { ...WIRE, evictions: 0.2, timeRate: 0 },
  'over connections in classic text': { ...WIRE, wire: 'text', evictions: 0.2, timeRate: 0 },
  'over connections in classic text that break': {
    ...{ ...WIRE, wire: 'text', evictions: 0.1, losses: 0.2, timeRate: 0.01 },
  },
  'over connections in classic text to servers that restart': {
    ...{ ...WIRE, wire: 'text', resources: 1, restarts: 0.15, timeRate: 0 },
  },
  'over connections that break': { ...WIRE, evictions: 0.1, losses: 0.2, timeRate: 0.01 },
  'over connections to servers that restart': { ...WIRE, resources: 1, restarts: 0.15, timeRate: 0 },
  'over connections that outlive restarts': MIDDLEMEN,
  'over connections to servers out of reach': {
    ...HOURS,
    ...{ wire: 'meta', servers: 2, outages: 0.15, losses: 0.05, crashes: 0.02, evictions: 0.1 },
  },
  'over connections, and writes go on': {
    ...HOURS,
    ...{ wire: 'meta', servers: 2, outages: 0.15, losses: 0.05, protocol: BYPASS },
  },
  'others write past the library': { ...HOURS, outsiders: 0.2, evictions: 0.1, crashes: 0.02 },
  'no journal': { ...CALM, journal: false, evictions: 0.2, restarts: 0.05 },
}

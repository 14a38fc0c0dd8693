import type { Family } from '../entities/index.js'
import { CHANNEL, postgresTrigger, type Trigger, type TriggerPaths } from './trigger.js'

const VERSION = 1

/** What the names of all of them begin with. */
export function wakeName(prefix: string): string {
  return `${prefix}wake_`
}

/**
 * On PostgreSQL: what wakes those who listen, once a record of a change is committed. Transactions that notify commit
 * one after the other, flush to disk included. So this is done at the commit, and by one transaction at a time: those
 * that find another one at it commit beside it, within moments, and the listener looks again then.
 */
export function wakeTriggers(
  family: Family,
  { change, schema }: TriggerPaths,
  prefix: string,
): readonly Trigger[] {
  if (family !== 'postgres') return []
  const name = `${wakeName(prefix)}${VERSION}`
  // The names of prefixes are letters, digits and underscores.
  const wake = `PERFORM pg_notify('${CHANNEL}', '${prefix}change')`
  return [
    postgresTrigger(schema, {
      name,
      table: change,
      isConstraint: true,
      // Not where a record is claimed.
      fires: `AFTER INSERT OR UPDATE OF touched ON ${change} DEFERRABLE INITIALLY DEFERRED FOR EACH ROW`,
      body: [
        `IF pg_try_advisory_xact_lock(hashtext('${CHANNEL}'), TG_RELID::integer) THEN ${wake}; END IF`,
        'RETURN NULL',
      ],
    }),
  ]
}

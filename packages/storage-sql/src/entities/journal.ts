import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm'
import type { EntityClass } from './container.js'
import { COLUMN_TYPES, type Family } from './family.js'

/**
 * A write whose caches are not known to be right yet: inserted with the write, dropped when it is settled. Rows that
 * stay are a dead writer's. There is no index, which every write would pay for: the table is all but empty.
 */
export function journalEntity(family: Family, prefix: string): EntityClass {
  const types = COLUMN_TYPES[family]

  @Entity({ name: `${prefix}journal` })
  class LarderJournal {
    @PrimaryGeneratedColumn({
      type: types.id.type as 'bigint',
      primaryKeyConstraintName: `${prefix}journal_pk`,
    })
    id!: string

    @Column(types.name(255))
    collection!: string

    @Column({ ...types.name(512), nullable: true })
    resource!: string | null

    /** That the write gave to the resource. */
    @Column(types.number)
    version!: string

    /** A JSON array of strings in ASCII, so that no character set of a database can lose any. */
    @Column({ ...types.json, name: 'cache_keys' })
    cacheKeys!: string

    /** Milliseconds since 1970 by the database's clock, which is one for all writers. */
    @Column({ ...types.number, name: 'created_ms' })
    createdMs!: string

    /** Until when, by the same clock, a relay has claimed it. */
    @Column({ ...types.number, name: 'claimed_until_ms', default: 0 })
    claimedUntilMs!: string
  }
  return LarderJournal
}

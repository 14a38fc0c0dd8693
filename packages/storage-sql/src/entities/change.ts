import { Column, Entity, PrimaryColumn } from 'typeorm'
import type { EntityClass } from './container.js'
import { COLUMN_TYPES, type Family } from './family.js'

/**
 * What a trigger saw committed past the library: a change of a resource, or of a table that is watched. One row for
 * each that changed and transaction or statement, however often; `touched` tells whether one was changed again after
 * a process had claimed it.
 */
export function changeEntity(family: Family, prefix: string): EntityClass {
  const types = COLUMN_TYPES[family]
  const key = { primaryKeyConstraintName: `${prefix}change_pk` }

  @Entity({ name: `${prefix}change` })
  class LarderChange {
    /** The collection, or the name of the table. */
    @PrimaryColumn({ ...types.name(255), ...key })
    subject!: string

    /** The resource; empty where a table is meant. */
    @PrimaryColumn({ ...types.name(512), ...key })
    member!: string

    /** The transaction or statement, as far as the database can tell them apart. */
    @PrimaryColumn({ ...types.name(64), ...key })
    origin!: string

    @Column(types.number)
    touched!: string

    /** 1 where the resource came into its collection or went. */
    @Column(types.flag)
    listed!: number

    /** Milliseconds since 1970 by the database's clock. */
    @Column({ ...types.number, name: 'created_ms' })
    createdMs!: string

    /** Until when, by the same clock, a process has claimed it. */
    @Column({ ...types.number, name: 'claimed_until_ms', default: 0 })
    claimedUntilMs!: string
  }
  return LarderChange
}

/**
 * One row: the highest version among resources whose rows were deleted past the library. New resources begin above it,
 * so that versions grow across such a deletion, too.
 */
export function floorEntity(family: Family, prefix: string): EntityClass {
  const types = COLUMN_TYPES[family]

  @Entity({ name: `${prefix}floor` })
  class LarderFloor {
    @PrimaryColumn({ ...types.smallId, primaryKeyConstraintName: `${prefix}floor_pk` })
    id!: number

    @Column(types.number)
    version!: string
  }
  return LarderFloor
}

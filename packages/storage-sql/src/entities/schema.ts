import { Column, Entity, PrimaryColumn } from 'typeorm'
import type { EntityClass } from './container.js'
import { COLUMN_TYPES, type Family } from './family.js'

/** One row: the migration that has made the tables what they are, and its number. */
export function schemaEntity(family: Family, prefix: string): EntityClass {
  const types = COLUMN_TYPES[family]

  @Entity({ name: `${prefix}schema` })
  class LarderSchema {
    @PrimaryColumn({ ...types.smallId, primaryKeyConstraintName: `${prefix}schema_pk` })
    id!: number

    @Column(types.smallId)
    version!: number

    @Column(types.name(255))
    name!: string
  }
  return LarderSchema
}

import { Column, Entity, Index, PrimaryGeneratedColumn } from 'typeorm'
import { COLUMN_TYPES, type Family } from './family.js'

/** An entity class, as TypeORM takes it. */
export type EntityClass = new () => object

/** One row a collection. */
export function containerEntity(family: Family, prefix: string): EntityClass {
  const types = COLUMN_TYPES[family]

  @Entity({ name: `${prefix}container` })
  @Index(`${prefix}container_by_name`, ['name'], { unique: true })
  class LarderContainer {
    @PrimaryGeneratedColumn({
      type: types.smallId.type as 'int',
      primaryKeyConstraintName: `${prefix}container_pk`,
    })
    id!: number

    @Column(types.name(255))
    name!: string
  }
  return LarderContainer
}

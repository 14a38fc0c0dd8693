import { Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn } from 'typeorm'
import type { EntityClass } from './container.js'
import { COLUMN_TYPES, type Family } from './family.js'
import { modifiedIndexName } from './tables.js'

/**
 * One row a resource, with both parts. The row of a removed resource stays, without its bytes and with `live` 0, so
 * that its version continues when it is created again. The primary key is the only unique key, so that no upsert can hit
 * another row.
 */
export function resourceEntity(family: Family, prefix: string, container: EntityClass): EntityClass {
  const types = COLUMN_TYPES[family]
  const nullable = { nullable: true }
  // MySQL knows no index over a part of the rows.
  const where = family === 'mysql' ? {} : { where: 'ext IS NOT NULL' }

  @Entity({ name: `${prefix}resource` })
  @Index(`${prefix}resource_by_ext`, ['containerId', 'live', 'ext', 'name'], where)
  // Optional: `synchronize` of TypeORM neither makes nor drops it.
  @Index(modifiedIndexName(prefix), { synchronize: false })
  class LarderResource {
    @PrimaryColumn({
      ...types.smallId,
      name: 'container_id',
      primaryKeyConstraintName: `${prefix}resource_pk`,
    })
    containerId!: number

    @PrimaryColumn({ ...types.name(512), primaryKeyConstraintName: `${prefix}resource_pk` })
    name!: string

    /** The end of the name from its last dot on; null where it has none. */
    @Column({ ...types.name(512), ...nullable })
    ext!: string | null

    /** 1 while the resource has a part. */
    @Column(types.flag)
    live!: number

    /** Grows by one with each write of any part. */
    @Column(types.number)
    version!: string

    /** Microseconds since 1970, of the last write of any part. */
    @Column({ ...types.number, name: 'modified_us' })
    modifiedUs!: string

    /** The version of the write that the content is from; null where there is none. */
    @Column({ ...types.number, ...nullable, name: 'content_version' })
    contentVersion!: string | null

    @Column({ ...types.number, ...nullable, name: 'content_modified_us' })
    contentModifiedUs!: string | null

    @Column({ ...types.number, ...nullable, name: 'content_size' })
    contentSize!: string | null

    /** Null where the content is in chunks. */
    @Column({ ...types.bytes, ...nullable })
    content!: Buffer | null

    /** The body that the chunks belong to. */
    @Column({ ...types.id, ...nullable, name: 'content_body' })
    contentBody!: string | null

    @Column({ ...types.number, ...nullable, name: 'metadata_version' })
    metadataVersion!: string | null

    @Column({ ...types.number, ...nullable, name: 'metadata_modified_us' })
    metadataModifiedUs!: string | null

    @Column({ ...types.bytes, ...nullable })
    metadata!: Buffer | null

    @ManyToOne(() => container, { nullable: false })
    @JoinColumn({ name: 'container_id', foreignKeyConstraintName: `${prefix}resource_container_fk` })
    container!: object
  }
  // PostgreSQL lists names along the primary key, which includes `live`.
  if (family !== 'postgres')
    Index(`${prefix}resource_by_name`, ['containerId', 'live', 'name'])(LarderResource)
  return LarderResource
}

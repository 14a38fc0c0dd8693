import { Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn, PrimaryGeneratedColumn } from 'typeorm'
import type { EntityClass } from './container.js'
import { COLUMN_TYPES, type Family } from './family.js'

/** A large content, never changed once it is complete. */
export function bodyEntity(family: Family, prefix: string): EntityClass {
  const types = COLUMN_TYPES[family]

  @Entity({ name: `${prefix}body` })
  @Index(`${prefix}body_by_expiry`, ['expiresMs'])
  class LarderBody {
    @PrimaryGeneratedColumn({ type: types.id.type as 'bigint', primaryKeyConstraintName: `${prefix}body_pk` })
    id!: string

    /** 1 once its removal has begun; it cannot become a resource's content any more. */
    @Column(types.flag)
    doomed!: number

    /** When it may be removed, in milliseconds since 1970 by the database's clock; null while it is in use. */
    @Column({ ...types.number, nullable: true, name: 'expires_ms' })
    expiresMs!: string | null
  }
  return LarderBody
}

/** A piece of a body. They are removed with it at the latest. */
export function chunkEntity(family: Family, prefix: string, body: EntityClass): EntityClass {
  const types = COLUMN_TYPES[family]

  @Entity({ name: `${prefix}chunk` })
  class LarderChunk {
    @PrimaryColumn({ ...types.id, name: 'body_id', primaryKeyConstraintName: `${prefix}chunk_pk` })
    bodyId!: string

    /** Counted from 0. */
    @PrimaryColumn({ ...types.smallId, primaryKeyConstraintName: `${prefix}chunk_pk` })
    seq!: number

    @Column(types.bytes)
    data!: Buffer

    @ManyToOne(() => body, { nullable: false, onDelete: 'CASCADE' })
    @JoinColumn({ name: 'body_id', foreignKeyConstraintName: `${prefix}chunk_body_fk` })
    body!: object
  }
  return LarderChunk
}

import type { Family, TableName } from '../entities/index.js'

type Paths = Readonly<Record<TableName, string>>

/** In the order in which they can be dropped. */
export const FIRST_TABLES = Object.freeze([
  'schema',
  'journal',
  'chunk',
  'body',
  'resource',
  'container',
] as const)

/** The statements of the first migration. They leave existing tables unchanged. */
export const CREATE_TABLES: Readonly<Record<Family, (t: Paths, prefix: string) => readonly string[]>> =
  Object.freeze({
    postgres: (t, p) => [
      `CREATE TABLE IF NOT EXISTS ${t.container} (
        id SERIAL NOT NULL,
        name text COLLATE "C" NOT NULL,
        CONSTRAINT ${p}container_pk PRIMARY KEY (id))`,
      `CREATE UNIQUE INDEX IF NOT EXISTS ${p}container_by_name ON ${t.container} (name)`,
      `CREATE TABLE IF NOT EXISTS ${t.resource} (
        container_id integer NOT NULL,
        name text COLLATE "C" NOT NULL,
        ext text COLLATE "C",
        live smallint NOT NULL,
        version bigint NOT NULL,
        modified_us bigint NOT NULL,
        content_version bigint,
        content_modified_us bigint,
        content_size bigint,
        content bytea,
        content_body bigint,
        metadata_version bigint,
        metadata_modified_us bigint,
        metadata bytea,
        CONSTRAINT ${p}resource_pk PRIMARY KEY (container_id, name) INCLUDE (live),
        CONSTRAINT ${p}resource_container_fk FOREIGN KEY (container_id) REFERENCES ${t.container} (id))`,
      `CREATE INDEX IF NOT EXISTS ${p}resource_by_ext ON ${t.resource} (container_id, live, ext, name)
        WHERE ext IS NOT NULL`,
      `CREATE TABLE IF NOT EXISTS ${t.body} (
        id BIGSERIAL NOT NULL,
        doomed smallint NOT NULL,
        expires_ms bigint,
        CONSTRAINT ${p}body_pk PRIMARY KEY (id))`,
      `CREATE INDEX IF NOT EXISTS ${p}body_by_expiry ON ${t.body} (expires_ms)`,
      `CREATE TABLE IF NOT EXISTS ${t.chunk} (
        body_id bigint NOT NULL,
        seq integer NOT NULL,
        data bytea NOT NULL,
        CONSTRAINT ${p}chunk_pk PRIMARY KEY (body_id, seq),
        CONSTRAINT ${p}chunk_body_fk FOREIGN KEY (body_id) REFERENCES ${t.body} (id) ON DELETE CASCADE)`,
      `CREATE TABLE IF NOT EXISTS ${t.journal} (
        id BIGSERIAL NOT NULL,
        collection text COLLATE "C" NOT NULL,
        resource text COLLATE "C",
        version bigint NOT NULL,
        cache_keys text NOT NULL,
        created_ms bigint NOT NULL,
        claimed_until_ms bigint NOT NULL DEFAULT 0,
        CONSTRAINT ${p}journal_pk PRIMARY KEY (id))`,
      `CREATE TABLE IF NOT EXISTS ${t.schema} (
        id integer NOT NULL,
        version integer NOT NULL,
        name text COLLATE "C" NOT NULL,
        CONSTRAINT ${p}schema_pk PRIMARY KEY (id))`,
    ],
    // MySQL commits each of these by itself: what a process that died has left undone is done by the next.
    mysql: (t, p) => [
      `CREATE TABLE IF NOT EXISTS ${t.container} (
        id int NOT NULL AUTO_INCREMENT,
        name varbinary(255) NOT NULL,
        PRIMARY KEY (id),
        UNIQUE INDEX ${p}container_by_name (name)) ENGINE=InnoDB`,
      `CREATE TABLE IF NOT EXISTS ${t.resource} (
        container_id int NOT NULL,
        name varbinary(512) NOT NULL,
        ext varbinary(512) NULL,
        live smallint NOT NULL,
        version bigint NOT NULL,
        modified_us bigint NOT NULL,
        content_version bigint NULL,
        content_modified_us bigint NULL,
        content_size bigint NULL,
        content mediumblob NULL,
        content_body bigint NULL,
        metadata_version bigint NULL,
        metadata_modified_us bigint NULL,
        metadata mediumblob NULL,
        PRIMARY KEY (container_id, name),
        INDEX ${p}resource_by_name (container_id, live, name),
        INDEX ${p}resource_by_ext (container_id, live, ext, name),
        CONSTRAINT ${p}resource_container_fk FOREIGN KEY (container_id) REFERENCES ${t.container} (id)
          ON DELETE NO ACTION ON UPDATE NO ACTION)
        ENGINE=InnoDB ROW_FORMAT=DYNAMIC`,
      `CREATE TABLE IF NOT EXISTS ${t.body} (
        id bigint NOT NULL AUTO_INCREMENT,
        doomed smallint NOT NULL,
        expires_ms bigint NULL,
        PRIMARY KEY (id),
        INDEX ${p}body_by_expiry (expires_ms)) ENGINE=InnoDB`,
      `CREATE TABLE IF NOT EXISTS ${t.chunk} (
        body_id bigint NOT NULL,
        seq int NOT NULL,
        data mediumblob NOT NULL,
        PRIMARY KEY (body_id, seq),
        CONSTRAINT ${p}chunk_body_fk FOREIGN KEY (body_id) REFERENCES ${t.body} (id)
          ON DELETE CASCADE ON UPDATE NO ACTION)
        ENGINE=InnoDB`,
      `CREATE TABLE IF NOT EXISTS ${t.journal} (
        id bigint NOT NULL AUTO_INCREMENT,
        collection varbinary(255) NOT NULL,
        resource varbinary(512) NULL,
        version bigint NOT NULL,
        cache_keys mediumtext NOT NULL,
        created_ms bigint NOT NULL,
        claimed_until_ms bigint NOT NULL DEFAULT 0,
        PRIMARY KEY (id)) ENGINE=InnoDB`,
      `CREATE TABLE IF NOT EXISTS ${t.schema} (
        id int NOT NULL,
        version int NOT NULL,
        name varbinary(255) NOT NULL,
        PRIMARY KEY (id)) ENGINE=InnoDB`,
    ],
    sqlite: (t, p) => [
      `CREATE TABLE IF NOT EXISTS ${t.container} ("id" integer PRIMARY KEY AUTOINCREMENT NOT NULL, "name" text NOT NULL)`,
      `CREATE UNIQUE INDEX IF NOT EXISTS "${p}container_by_name" ON ${t.container} ("name")`,
      `CREATE TABLE IF NOT EXISTS ${t.resource} (
        "container_id" integer NOT NULL,
        "name" text NOT NULL,
        "ext" text,
        "live" integer NOT NULL,
        "version" integer NOT NULL,
        "modified_us" integer NOT NULL,
        "content_version" integer,
        "content_modified_us" integer,
        "content_size" integer,
        "content" blob,
        "content_body" integer,
        "metadata_version" integer,
        "metadata_modified_us" integer,
        "metadata" blob,
        CONSTRAINT "${p}resource_container_fk" FOREIGN KEY ("container_id") REFERENCES ${t.container} ("id") ON DELETE NO ACTION ON UPDATE NO ACTION,
        CONSTRAINT "${p}resource_pk" PRIMARY KEY ("container_id", "name"))`,
      `CREATE INDEX IF NOT EXISTS "${p}resource_by_name" ON ${t.resource} ("container_id", "live", "name")`,
      `CREATE INDEX IF NOT EXISTS "${p}resource_by_ext" ON ${t.resource} ("container_id", "live", "ext", "name") WHERE ext IS NOT NULL`,
      `CREATE TABLE IF NOT EXISTS ${t.body} (
        "id" integer PRIMARY KEY AUTOINCREMENT NOT NULL,
        "doomed" integer NOT NULL,
        "expires_ms" integer)`,
      `CREATE INDEX IF NOT EXISTS "${p}body_by_expiry" ON ${t.body} ("expires_ms")`,
      `CREATE TABLE IF NOT EXISTS ${t.chunk} (
        "body_id" integer NOT NULL,
        "seq" integer NOT NULL,
        "data" blob NOT NULL,
        CONSTRAINT "${p}chunk_body_fk" FOREIGN KEY ("body_id") REFERENCES ${t.body} ("id") ON DELETE CASCADE ON UPDATE NO ACTION,
        CONSTRAINT "${p}chunk_pk" PRIMARY KEY ("body_id", "seq"))`,
      `CREATE TABLE IF NOT EXISTS ${t.journal} (
        "id" integer PRIMARY KEY AUTOINCREMENT NOT NULL,
        "collection" text NOT NULL,
        "resource" text,
        "version" integer NOT NULL,
        "cache_keys" text NOT NULL,
        "created_ms" integer NOT NULL,
        "claimed_until_ms" integer NOT NULL DEFAULT (0))`,
      `CREATE TABLE IF NOT EXISTS ${t.schema} (
        "id" integer NOT NULL,
        "version" integer NOT NULL,
        "name" text NOT NULL,
        CONSTRAINT "${p}schema_pk" PRIMARY KEY ("id"))`,
    ],
  })

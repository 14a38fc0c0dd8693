import type { Family, TableName } from '../entities/index.js'

type Paths = Readonly<Record<TableName, string>>

/** In the order in which they can be dropped. */
export const CHANGE_TABLES = Object.freeze(['change', 'floor'] as const)

/** The statements of the second migration. They do nothing where the tables are there: tables can be watched alone. */
export function createChanges(family: Family, paths: Paths, prefix: string): readonly string[] {
  return STATEMENTS[family](paths, prefix)
}

const STATEMENTS: Readonly<Record<Family, (t: Paths, prefix: string) => readonly string[]>> = Object.freeze({
  postgres: (t, p) => [
    `CREATE TABLE IF NOT EXISTS ${t.change} (
      subject text COLLATE "C" NOT NULL,
      member text COLLATE "C" NOT NULL,
      origin text COLLATE "C" NOT NULL,
      touched bigint NOT NULL,
      listed smallint NOT NULL,
      created_ms bigint NOT NULL,
      claimed_until_ms bigint NOT NULL DEFAULT 0,
      CONSTRAINT ${p}change_pk PRIMARY KEY (subject, member, origin))`,
    `CREATE TABLE IF NOT EXISTS ${t.floor} (
      id integer NOT NULL,
      version bigint NOT NULL,
      CONSTRAINT ${p}floor_pk PRIMARY KEY (id))`,
    `INSERT INTO ${t.floor} (id, version) VALUES (1, 0) ON CONFLICT DO NOTHING`,
  ],
  // Only the primary key is unique: an upsert that meets another unique key would lock the gap before it.
  mysql: (t) => [
    `CREATE TABLE IF NOT EXISTS ${t.change} (
      subject varbinary(255) NOT NULL,
      member varbinary(512) NOT NULL,
      origin varbinary(64) NOT NULL,
      touched bigint NOT NULL,
      listed smallint NOT NULL,
      created_ms bigint NOT NULL,
      claimed_until_ms bigint NOT NULL DEFAULT 0,
      PRIMARY KEY (subject, member, origin)) ENGINE=InnoDB ROW_FORMAT=DYNAMIC`,
    `CREATE TABLE IF NOT EXISTS ${t.floor} (
      id int NOT NULL,
      version bigint NOT NULL,
      PRIMARY KEY (id)) ENGINE=InnoDB`,
    `INSERT INTO ${t.floor} (id, version) VALUES (1, 0) ON DUPLICATE KEY UPDATE id = id`,
  ],
  sqlite: (t, p) => [
    `CREATE TABLE IF NOT EXISTS ${t.change} (
      "subject" text NOT NULL,
      "member" text NOT NULL,
      "origin" text NOT NULL,
      "touched" integer NOT NULL,
      "listed" integer NOT NULL,
      "created_ms" integer NOT NULL,
      "claimed_until_ms" integer NOT NULL DEFAULT (0),
      CONSTRAINT "${p}change_pk" PRIMARY KEY ("subject", "member", "origin"))`,
    `CREATE TABLE IF NOT EXISTS ${t.floor} (
      "id" integer NOT NULL,
      "version" integer NOT NULL,
      CONSTRAINT "${p}floor_pk" PRIMARY KEY ("id"))`,
    `INSERT INTO ${t.floor} (id, version) SELECT 1, 0 WHERE NOT EXISTS (SELECT 1 FROM ${t.floor})`,
  ],
})

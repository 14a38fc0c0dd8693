/** Drivers of databases: TypeORM takes them as they come. */
declare module 'pg' {
  const driver: unknown
  export default driver
}

declare module 'better-sqlite3' {
  const driver: unknown
  export default driver
}

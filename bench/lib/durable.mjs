// The test servers do not wait for the disk. With these settings they keep what they acknowledge through a crash, as
// databases do by default.
export const DURABLE = {
  postgres: { fsync: 'on', synchronous_commit: 'on', full_page_writes: 'on' },
  mariadb: { 'innodb-flush-log-at-trx-commit': '1', 'innodb-doublewrite': '1', 'debug-no-sync': '0' },
}

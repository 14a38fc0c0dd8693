import { StorageError } from '@larder/storage-core'
import type { ConnectionSource } from '../connections/index.js'
import { statement } from '../dialects/index.js'

/**
 * Rejects with `E_UNSUPPORTED` on MySQL and MariaDB with a binary log of statements: InnoDB refuses every write at
 * READ COMMITTED then, with error 1665.
 */
export async function refuseStatementLog(source: ConnectionSource): Promise<void> {
  if (source.dialect.family !== 'mysql') return
  const select = statement('SELECT @@log_bin AS is_on, @@binlog_format AS format')
  const { rows } = await source.read((connection) => connection.run(select), undefined)
  const { is_on: isOn, format } = rows[0] ?? {}
  if (Number(isOn) !== 1 || format !== 'STATEMENT') return
  throw new StorageError(
    'E_UNSUPPORTED',
    'The server has binlog_format=STATEMENT, with which InnoDB refuses writes at READ COMMITTED: set it to MIXED or ROW',
  )
}

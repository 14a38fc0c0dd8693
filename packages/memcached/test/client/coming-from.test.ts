import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const page = readFileSync(new URL('../../../../docs/coming-from.md', import.meta.url), 'utf8')

/** The rows of the table under a heading. */
function tableUnder(heading: string): string {
  const [, rest = ''] = page.split(`### ${heading}\n`)
  return rest.split(/\n##/)[0] ?? ''
}

// `pylibmc.client.all_behaviors` and `all_callbacks` of pylibmc 1.6.3.
const BEHAVIORS =
  `no_block tcp_nodelay tcp_keepalive hash ketama_hash ketama ketama_weighted distribution cas buffer_requests
  verify_keys connect_timeout send_timeout receive_timeout num_replicas auto_eject retry_timeout remove_failed
  failure_limit _io_msg_watermark _io_bytes_watermark _io_key_prefetch _hash_with_prefix_key _noreply _sort_hosts
  _poll_timeout _socket_send_size _socket_recv_size dead_timeout pickle_protocol namespace`.split(/\s+/)

test('each behavior of pylibmc has a row in the table', () => {
  const table = tableUnder('Behaviors of pylibmc')
  expect(BEHAVIORS.filter((name) => !new RegExp(`\`${name}(: True)?\``).test(table))).toEqual([])
})

test("each name of App Engine's get_stats has a row in the table", () => {
  const table = tableUnder('Statistics of App Engine')
  const names = ['hits', 'misses', 'byte_hits', 'items', 'bytes', 'oldest_item_age']
  expect(names.filter((name) => !table.includes(`| \`${name}\``))).toEqual([])
})

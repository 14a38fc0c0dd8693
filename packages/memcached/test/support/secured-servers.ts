import { execFileSync } from 'node:child_process'
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startMemcached, type MemcachedServer } from './memcached.js'

export const LOGIN = { username: 'someone', password: 'secret' } as const

/** A key and a certificate signed by itself, as files and as what a client is to trust. */
export interface Certificate {
  readonly keyFile: string
  readonly certFile: string
  readonly ca: Buffer
}

export interface SecuredServer extends AsyncDisposable {
  readonly server: MemcachedServer
}

/** A folder that the server's user may read. */
export async function sharedFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'larder-'))
  await chmod(folder, 0o755)
  return folder
}

/** `names` as in a certificate: `IP:127.0.0.1`, `DNS:localhost`. */
export async function createCertificate(folder: string, names: string): Promise<Certificate> {
  const [keyFile, certFile] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  const subject = ['-subj', '/CN=larder test', '-addext', `subjectAltName=${names}`]
  const kind = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
  execFileSync('openssl', ['req', ...kind, '-keyout', keyFile, '-out', certFile, ...subject], {
    stdio: 'ignore',
  })
  await chmod(keyFile, 0o644)
  return { keyFile, certFile, ca: await readFile(certFile) }
}

export function tlsArgs({ keyFile, certFile }: Certificate): readonly string[] {
  return ['-Z', '-o', `ssl_chain_cert=${certFile},ssl_key=${keyFile}`]
}

/** For `-Y`. */
export async function passwordFile(folder: string): Promise<string> {
  const file = join(folder, 'users')
  await writeFile(file, `${LOGIN.username}:${LOGIN.password}\n`)
  await chmod(file, 0o644)
  return file
}

/** memcached with SASL (`-S`), which asks this process about each password. */
export async function startMemcachedWithSasl(args: readonly string[] = []): Promise<SecuredServer> {
  const folder = await sharedFolder()
  const path = join(folder, 'mux')
  const checker = await startPasswordChecker(path)
  await chmod(path, 0o777)
  const conf = `mech_list: plain\npwcheck_method: saslauthd\nsaslauthd_path: ${path}\n`
  await writeFile(join(folder, 'memcached.conf'), conf)
  const server = await startMemcached({ args: ['-S', ...args], env: { SASL_CONF_PATH: folder } })
  return {
    server,
    [Symbol.asyncDispose]: async () => {
      await server.stop()
      await new Promise((resolve) => checker.close(resolve))
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** What Cyrus calls saslauthd: four texts with their lengths are the question, one text is the answer. */
async function startPasswordChecker(path: string): Promise<Server> {
  const checker = createServer((socket) => {
    socket.on('error', () => {})
    let held = Buffer.alloc(0)
    socket.on('data', (chunk) => {
      held = Buffer.concat([held, chunk])
      const [username, password, service, realm] = textsIn(held)
      if (service === undefined || realm === undefined) return
      const isRight = username === LOGIN.username && password === LOGIN.password
      const answer = Buffer.from(`__${isRight ? 'OK' : 'NO'}`)
      answer.writeUInt16BE(answer.length - 2)
      socket.end(answer)
    })
  })
  await new Promise<void>((resolve) => checker.listen(path, resolve))
  return checker
}

function textsIn(bytes: Buffer): readonly string[] {
  const texts: string[] = []
  let at = 0
  while (at + 2 <= bytes.length) {
    const end = at + 2 + bytes.readUInt16BE(at)
    if (end > bytes.length) break
    texts.push(bytes.toString('utf8', at + 2, end))
    at = end
  }
  return texts
}

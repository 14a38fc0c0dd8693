import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { test } from 'vitest'
import { Workplace } from './larder.js'

test('flags go before the environment, and that before the file', async () => {
  await using place = await Workplace.open()
  const url = (name: string) => `sqlite:${place.path(name)}`
  for (const name of ['flag', 'variable', 'file']) {
    await place.run(['migrate', '-d', url(name)])
    await place.run(['put', 'pages', name, '-d', url(name), '--no-cache'], 'x')
  }
  const ls = async (...flags: readonly string[]) =>
    (await place.run(['ls', 'pages', '--no-cache', ...flags])).out
  await writeFile(place.path('larder.json'), JSON.stringify({ database: url('file') }))
  place.env['LARDER_CONFIG'] = place.path('larder.json')
  place.env['DATABASE_URL'] = ''
  assert.equal(await ls(), 'file\n')
  place.env['DATABASE_URL'] = url('variable')
  assert.equal(await ls(), 'variable\n')
  assert.equal(await ls('--database', url('flag')), 'flag\n')
  place.env['DATABASE_URL'] = ''
  await writeFile(place.path('other.json'), JSON.stringify({ database: url('flag') }))
  assert.equal(await ls('--config', place.path('other.json')), 'flag\n')
  place.env['LARDER_CONFIG'] = ''
  assert.equal((await place.spawn(['ls', 'pages', '--no-cache'])).out, 'file\n')
})

test('settings and arguments that make no sense are told, and nothing is done', async () => {
  await using place = await Workplace.open()
  await writeFile(place.path('wrong.json'), '{"databse":"x"}')
  await writeFile(place.path('broken.json'), '{')
  const wrong: readonly (readonly [RegExp, readonly string[]])[] = [
    [/no setting "databse".*database, servers/, ['ls', 'pages', '--config', place.path('wrong.json')]],
    [/broken.json is no JSON/, ['ls', 'pages', '--config', place.path('broken.json')]],
    [/cannot be read.*gone.json/, ['ls', 'pages', '--config', place.path('gone.json')]],
    [/There is no file .*larder migrate/, ['ls', 'pages']],
    [/unknown command 'lss'.*Did you mean ls/s, ['lss']],
    [/missing required argument 'name'/, ['get', 'pages']],
    [/--limit.*whole number/, ['ls', 'pages', '--limit', 'x']],
    [/Allowed choices are content, metadata/, ['get', 'pages', 'a', '--part', 'body']],
    [/unknown option '-x'\n.*dash goes behind --/, ['get', 'pages', '-x']],
    [/names no file/, ['ls', 'pages', '-d', 'sqlite:']],
    [/makes no sense with --no-cache/, ['warm', 'pages', '--no-cache']],
  ]
  for (const [message, args] of wrong) {
    const { code, out, err } = await place.run(args)
    assert.deepEqual([code, out], [2, ''], args.join(' '))
    assert.match(err, message)
  }
  for (const [message, args] of [
    [/^unknown command 'lss'/, ['--json', 'lss']],
    [/^missing required argument/, ['get', 'pages', '--json']],
    [/^A command is needed$/, ['--json']],
  ] as const) {
    const { code, out, err } = await place.run(args)
    assert.deepEqual([code, out], [2, ''])
    const { error } = JSON.parse(err) as { error: { code: string; message: string } }
    assert.match(error.message, message)
    assert.equal(error.code, 'E_USAGE')
  }
  // What stands behind -- is a name.
  assert.match((await place.run(['get', '--', 'pages', '--json', 'x'])).err, /^error: too many/)
  place.env['DATABASE_URL'] = 'postgres://user:secret@127.0.0.1:1/larder'
  const down = await place.run(['ls', 'pages', '--no-cache'])
  assert.equal(down.code, 1)
  assert.doesNotMatch(down.err, /secret/)
  assert.notEqual(down.err, '')
})

test('helps, tells its version, and completes in bash', async () => {
  await using place = await Workplace.open()
  assert.match((await place.run(['--help'])).out, /Exit codes: 0 done/)
  assert.match((await place.run(['ls', '--help'])).out, /--order <order>/)
  assert.match((await place.run(['--version'])).out, /^\d+\.\d+\.\d+\n$/)
  const script = (await place.run(['completion', 'bash'])).out
  const complete = (...words: readonly string[]) => {
    const line = `COMP_WORDS=(larder ${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length}`
    const { stdout } = spawnSync('bash', [
      '-c',
      `${script}\n${line}; _larder; printf '%s\\n' "\${COMPREPLY[@]}"`,
    ])
    return stdout.toString().trim().split('\n')
  }
  assert.deepEqual(complete('st'), ['stat', 'stats'])
  assert.deepEqual(complete('--json', 'ls', 'pages', '--or'), ['--order'])
  assert.deepEqual(complete('ls', 'pages', '--order', ''), ['name', 'newest', 'oldest'])
  assert.deepEqual(complete('completion', ''), ['bash', 'zsh', 'fish', ...complete('completion', '--')])
})

test.each([
  [
    'zsh',
    /^#compdef larder\n/,
    (command: string) => `    ${command}) compadd -- `,
    'compadd -- name newest oldest;',
  ],
  [
    'fish',
    /^complete -c larder -l version /,
    (command: string) => `complete -c larder -n __fish_use_subcommand -a ${command} `,
    "-r -f -a 'name newest oldest'",
  ],
] as const)(
  'completes all commands, their options and choices in %s',
  async (shell, begins, lineOf, choices) => {
    await using place = await Workplace.open()
    const script = (await place.run(['completion', shell])).out
    assert.match(script, begins)
    assert.ok(script.includes(choices))
    const help = (await place.run(['--help'])).out
    const commands = [...help.slice(help.indexOf('Commands:')).matchAll(/^ {2}(\w+) /gm)].map(([, name]) =>
      String(name),
    )
    assert.ok(commands.length >= 13)
    for (const command of commands.filter((name) => name !== 'help')) {
      assert.ok(script.includes(lineOf(command)), command)
      for (const [, flag] of (await place.run([command, '--help'])).out.matchAll(/--([\w-]+)/g))
        assert.match(script, new RegExp(`(--|-l )${String(flag)}\\b`), `${command} --${String(flag)}`)
    }
  },
)

test('a reader that has seen enough ends it', async () => {
  await using place = await Workplace.open()
  await place.run(['migrate'])
  await place.run(['put', 'pages', 'large'], 'x'.repeat(5_000_000))
  const command = `"$NODE" "$BIN" get pages large | head -c 10; echo " \${PIPESTATUS[0]}"`
  const env = {
    ...process.env,
    ...place.env,
    NODE: process.execPath,
    BIN: new URL('../dist/bin.js', import.meta.url).pathname,
  }
  const { stdout } = spawnSync('bash', ['-c', command], { cwd: place.folder, env })
  assert.equal(stdout.toString(), 'xxxxxxxxxx 141\n')
})

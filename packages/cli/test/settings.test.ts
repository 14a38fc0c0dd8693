import { spawnSync } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { Workplace } from './larder.js'

test('flags override the environment, which overrides the file', async () => {
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
  expect(await ls()).toBe('file\n')
  place.env['DATABASE_URL'] = url('variable')
  expect(await ls()).toBe('variable\n')
  expect(await ls('--database', url('flag'))).toBe('flag\n')
  place.env['DATABASE_URL'] = ''
  await writeFile(place.path('other.json'), JSON.stringify({ database: url('flag') }))
  expect(await ls('--config', place.path('other.json'))).toBe('flag\n')
  place.env['LARDER_CONFIG'] = ''
  expect((await place.spawn(['ls', 'pages', '--no-cache'])).out).toBe('file\n')
})

test('invalid settings and arguments are reported before any I/O', async () => {
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
    expect([code, out], args.join(' ')).toEqual([2, ''])
    expect(err).toMatch(message)
  }
  for (const [message, args] of [
    [/^unknown command 'lss'/, ['--json', 'lss']],
    [/^missing required argument/, ['get', 'pages', '--json']],
    [/^A command is needed$/, ['--json']],
  ] as const) {
    const { code, out, err } = await place.run(args)
    expect([code, out]).toEqual([2, ''])
    const { error } = JSON.parse(err) as { error: { code: string; message: string } }
    expect(error.message).toMatch(message)
    expect(error.code).toBe('E_USAGE')
  }
  // What stands behind -- is a name.
  expect((await place.run(['get', '--', 'pages', '--json', 'x'])).err).toMatch(/^error: too many/)
  place.env['DATABASE_URL'] = 'postgres://user:secret@127.0.0.1:1/larder'
  const down = await place.run(['ls', 'pages', '--no-cache'])
  expect(down.code).toBe(1)
  expect(down.err).not.toMatch(/secret/)
  expect(down.err).not.toBe('')
})

test('helps, tells its version, and completes in bash', async () => {
  await using place = await Workplace.open()
  expect((await place.run(['--help'])).out).toMatch(/Exit codes: 0 done/)
  expect((await place.run(['ls', '--help'])).out).toMatch(/--order <order>/)
  expect((await place.run(['--version'])).out).toMatch(/^\d+\.\d+\.\d+\n$/)
  const script = (await place.run(['completion', 'bash'])).out
  const complete = (...words: readonly string[]) => {
    const line = `COMP_WORDS=(larder ${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length}`
    const { stdout } = spawnSync('bash', [
      '-c',
      `${script}\n${line}; _larder; printf '%s\\n' "\${COMPREPLY[@]}"`,
    ])
    return stdout.toString().trim().split('\n')
  }
  expect(complete('st')).toEqual(['stat', 'stats'])
  expect(complete('--json', 'ls', 'pages', '--or')).toEqual(['--order'])
  expect(complete('ls', 'pages', '--order', '')).toEqual(['name', 'newest', 'oldest'])
  expect(complete('completion', '')).toEqual(['bash', 'zsh', 'fish', ...complete('completion', '--')])
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
    expect(script).toMatch(begins)
    expect(script.includes(choices)).toBeTruthy()
    const help = (await place.run(['--help'])).out
    const commands = [...help.slice(help.indexOf('Commands:')).matchAll(/^ {2}(\w+) /gm)].map(([, name]) =>
      String(name),
    )
    expect(commands.length).toBeGreaterThanOrEqual(13)
    for (const command of commands.filter((name) => name !== 'help')) {
      expect(script.includes(lineOf(command)), command).toBeTruthy()
      for (const [, flag] of (await place.run([command, '--help'])).out.matchAll(/--([\w-]+)/g))
        expect(script, `${command} --${String(flag)}`).toMatch(new RegExp(`(--|-l )${String(flag)}\\b`))
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
  expect(stdout.toString()).toBe('xxxxxxxxxx 141\n')
})

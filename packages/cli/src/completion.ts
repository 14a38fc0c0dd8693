import { Argument, type Command } from 'commander'

const SHELLS = ['bash', 'zsh', 'fish'] as const
type Shell = (typeof SHELLS)[number]

export function addCompletion(program: Command, print: (text: string) => void): void {
  program
    .command('completion')
    .description('prints what completes this command in a shell: eval "$(larder completion bash)"')
    .addArgument(new Argument('<shell>').choices(SHELLS))
    .action((shell: Shell) => print(SCRIPTS[shell](program)))
}

function longFlags(command: Command): string[] {
  return [...command.options.flatMap(({ long }) => long ?? []), '--help']
}

interface Words {
  /** What may follow each command. */
  readonly commands: readonly (readonly [name: string, words: string])[]
  /** What may follow an option that has choices, by `command --option`. */
  readonly choices: readonly (readonly [where: string, words: string])[]
  /** What may stand before a command. */
  readonly first: string
}

function wordsOf(program: Command): Words {
  const names = program.commands.map((each) => each.name())
  const global = longFlags(program)
  const commands = program.commands.map((command): [string, string] => {
    const words = new Set([...choicesOf(command), ...longFlags(command), ...global])
    return [command.name(), [...words].join(' ')]
  })
  const choices = program.commands.flatMap((command) =>
    command.options.flatMap(({ long, argChoices }): [string, string][] =>
      argChoices === undefined ? [] : [[`${command.name()} ${String(long)}`, argChoices.join(' ')]],
    ),
  )
  return { commands, choices, first: [...names, ...global].join(' ') }
}

function bash(program: Command): string {
  const { commands, choices, first } = wordsOf(program)
  return `_larder() {
  local current="\${COMP_WORDS[COMP_CWORD]}" command='' word words
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$word" in ${commands.map(([name]) => name).join('|')}) command="$word"; break ;; esac
  done
  case "$command" in
${commands.map(([name, words]) => `    ${name}) words='${words}' ;;`).join('\n')}
    *) words='${first}' ;;
  esac
  case "$command \${COMP_WORDS[COMP_CWORD-1]}" in
${choices.map(([where, words]) => `    '${where}') words='${words}' ;;`).join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _larder larder
`
}

function zsh(program: Command): string {
  const { commands, choices, first } = wordsOf(program)
  return `#compdef larder
_larder() {
  local command='' word
  for word in "\${(@)words[2,CURRENT-1]}"; do
    case "$word" in ${commands.map(([name]) => name).join('|')}) command="$word"; break ;; esac
  done
  case "$command $words[CURRENT-1]" in
${choices.map(([where, words]) => `    '${where}') compadd -- ${words}; return ;;`).join('\n')}
  esac
  case "$command" in
${commands.map(([name, words]) => `    ${name}) compadd -- ${words} ;;`).join('\n')}
    *) compadd -- ${first} ;;
  esac
  [[ -n "$command" ]] && _files
}
# As a file of $fpath it is run to complete at once.
if [[ "$funcstack[1]" == _larder ]]; then _larder; else compdef _larder larder; fi
`
}

function choicesOf(command: Command): readonly string[] {
  return [...command.registeredArguments, ...command.options].flatMap(({ argChoices }) => argChoices ?? [])
}

function fish(program: Command): string {
  const quoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
  const flag = (command: Command, condition: string): string[] =>
    command.options.map(
      ({ long, description, required, argChoices }) =>
        `complete -c larder${condition} -l ${String(long).slice(2)} -d ${quoted(description)}` +
        (required ? ' -r' : '') +
        (argChoices === undefined ? '' : ` -f -a ${quoted(argChoices.join(' '))}`),
    )
  return [
    ...flag(program, ''),
    'complete -c larder -s h -l help',
    ...program.commands.flatMap((command) => [
      `complete -c larder -n __fish_use_subcommand -a ${command.name()} -d ${quoted(command.description())}`,
      ...flag(command, ` -n '__fish_seen_subcommand_from ${command.name()}'`),
      ...command.registeredArguments.flatMap(({ argChoices }) =>
        argChoices === undefined
          ? []
          : `complete -c larder -f -n '__fish_seen_subcommand_from ${command.name()}' -a ${quoted(argChoices.join(' '))}`,
      ),
    ]),
    '',
  ].join('\n')
}

const SCRIPTS: Readonly<Record<Shell, (program: Command) => string>> = Object.freeze({ bash, zsh, fish })

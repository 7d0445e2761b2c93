import path from 'node:path'

/** A program that, according to its command line, waits for the pid of its child. */
export type WaitingProgram = 'reaper' | 'supervisor' | 'package manager' | 'shell' | 'program'

const shells = new Set('sh dash bash rbash ash ksh mksh lksh oksh yash zsh fish csh tcsh nu pwsh'.split(' '))

/** Options of a shell whose value is the next word. */
const withValue = /^(--init-file|--rcfile|[-+]O|[-+][a-z]*o|--init-command|-C)$/

/**
 * Programs that start a container's command, and end the container with it, under the names of their downloads too:
 * dumb-init_1.2.5_x86_64, tini-static-amd64. podman-init is catatonit. With the host's processes, a container has its
 * engine's shim or monitor as the parent.
 */
const reapers = /^(tini|dumb-init|catatonit|docker-init|podman-init|containerd-shim|conmon)([-_.].*)?$/

/** Programs that start their child again when it ends, or end everything else with it. */
const supervisors = new Set(
  (
    'supervisord runsv s6-supervise supervise supervise-daemon perpd dinit circusd monit god immortal daemon nomad ' +
    'foreman goreman hivemind honcho process-compose nf forever'
  ).split(' '),
)

/** Programs for Node that run another program and end with it. A Node program in general may do anything. */
const wrappers = new Set(
  (
    'tsx ts-node-dev tsnd node-dev cross-env cross-env-shell dotenv dotenv-cli dotenvx @dotenvx/dotenvx env-cmd ' +
    'concurrently conc npm-run-all npm-run-all2 run-p run-s turbo nx lerna wireit c8 nyc'
  ).split(' '),
)

/** npm's title is its command line. */
const packageManager = /^(npm|pnpm|pn|yarn|yarnpkg|corepack)(-cli)?(-\d[\w.-]*)?(\.[cm]?js)?( .*)?$/

/** Programs that do more than run a package's scripts, with the arguments that make them run scripts. */
const runners: Readonly<Record<string, RegExp>> = {
  node: /^--run(=|$)/,
  nodejs: /^--run(=|$)/,
  bun: /^(run|start)$/,
  deno: /^task$/,
}

/** The file of a Node program, whatever its title. */
const node = /^(node|bun|deno)/

/** Programs whose first argument is often the script that they run. */
const interpreters = /^(python|ruby|perl)[\d.]*$/

/**
 * Classifies a command line; undefined if it does not show that the program waits.
 * @param executable the name of the program's file, which it cannot change as it can its command line
 */
export function waitingProgram(
  words: readonly string[],
  executable: string = nameOf(words[0]),
): WaitingProgram | undefined {
  const [program = '', ...others] = applet(words)
  const name = nameOf(program)
  // systemd is recognised by its variable: it also adopts processes whose parent has ended.
  if (name === '' || name === 'systemd') return undefined
  if (reapers.test(name)) return 'reaper'
  if (isPackageManager(name, words)) return 'package manager'
  if (shells.has(name)) return isScripted(others) ? 'shell' : undefined
  const isNode = [name, executable].some((each) => runners[each.replace(/\d+$/, '')] !== undefined)
  // A version manager's shim has the name of Node, and starts the real one.
  if (isNode && executable !== name && !node.test(executable)) return 'program'
  const names = isNode || interpreters.test(name) ? scriptNames(others) : [name]
  if (names.some((each) => supervisors.has(each))) return 'supervisor'
  return isNode && !names.some((each) => wrappers.has(each)) ? undefined : 'program'
}

/** Whether it is a shell, with or without a script. */
export function isShell(words: readonly string[]): boolean {
  return shells.has(nameOf(applet(words)[0]))
}

/** A login shell's name begins with a dash. A title such as `tmux: server` names the program first. */
const nameOf = (word = ''): string => path.basename(word.replace(/(:? .*|:)$/, '')).replace(/^-/, '')

/** `busybox sh` is `sh`. */
const applet = (words: readonly string[]): readonly string[] =>
  nameOf(words[0]) === 'busybox' ? words.slice(1) : words

/** The names under which a script is known: its file's, and its package's. */
function scriptNames(words: readonly string[]): string[] {
  const script = words.find((word) => !word.startsWith('-')) ?? ''
  const owner = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(script)?.[1]
  // `python3 -m supervisor.supervisord` names a module.
  const module = words[words.indexOf(script) - 1] === '-m' ? script.replace(/.*\./, '') : script
  return [path.basename(module).replace(/\.[cm]?js$/, ''), ...(owner === undefined ? [] : [owner])]
}

function isPackageManager(name: string, words: readonly string[]): boolean {
  if (words.slice(0, 2).some((word) => packageManager.test(path.basename(word)))) return true
  const runs = runners[name.replace(/\d+$/, '')]
  if (runs === undefined) return false
  // Options come before the subcommand, and a script's arguments after the script.
  const script = words.findIndex((word, index) => index > 0 && !word.startsWith('-') && !runs.test(word))
  return words.slice(1, script < 0 ? undefined : script).some((word) => runs.test(word))
}

/** A shell that runs a given command. An interactive shell continues by itself. */
const isScripted = (words: readonly string[]): boolean => firstScript(words) !== undefined

/** Whether a shell runs a file, which may do more than wait for one program, and not a command. */
export function runsFile(words: readonly string[]): boolean {
  return /^[^-+]/.test(firstScript(applet(words).slice(1)) ?? '')
}

/** The option that says that a command follows, or the file. */
function firstScript(words: readonly string[]): string | undefined {
  for (let index = 0; index < words.length; index++) {
    const word = words[index] ?? ''
    if (/^-[a-z]*c$/.test(word) || !/^[-+]/.test(word)) return word
    if (withValue.test(word)) index++
  }
  return undefined
}

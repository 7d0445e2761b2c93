import { pidUser, type ProcessTable } from '../../src/system/pid-user.ts'

/** A process and its parents, the process first; the last is a child of pid 0 or of what is named. */
interface Row {
  readonly pid: number
  readonly command: readonly string[]
  readonly name?: string
  readonly group?: number
  readonly session?: number
  /** Of its terminal. */
  readonly foreground?: number
}

const server = ['node', 'server.js']

function table(rows: readonly Row[], more: { starter?: number; env?: NodeJS.ProcessEnv } = {}): ProcessTable {
  const rowOf = (pid: number) => rows.find((row) => row.pid === pid)
  return {
    pid: rows[0]!.pid,
    starter: more.starter ?? rows[1]?.pid ?? 0,
    env: more.env ?? {},
    stat(pid) {
      const row = rowOf(pid)
      return (
        row && {
          parent: rows[rows.indexOf(row) + 1]?.pid ?? 0,
          group: row.group ?? 1,
          session: row.session ?? 1,
          terminal: row.foreground === undefined ? 0 : 34816,
          foreground: row.foreground ?? -1,
        }
      )
    },
    command: (pid) => rowOf(pid)?.command ?? [],
    executable: () => undefined,
    name: (pid) => rowOf(pid)?.name ?? rowOf(pid)?.command[0],
  }
}

const systemd: Row = { pid: 1, command: ['/sbin/init'], name: 'systemd', session: 1 }
/** A shell at which a person types, in a session below systemd. */
const typed = (command: readonly string[] = ['-bash']): Row[] => [
  { pid: 10, command, group: 10, session: 10, foreground: 20 },
  systemd,
]
const detached = { group: 20, session: 20 }

test.each<[string, Row[], string | undefined]>([
  ['process 1', [{ pid: 1, command: server }], 'container'],
  [
    'a child of a script that is process 1',
    [
      { pid: 7, command: server },
      { pid: 1, command: ['sh', '/entry.sh'] },
    ],
    'container',
  ],
  [
    'a child of a Node program that is process 1',
    [
      { pid: 7, command: server },
      { pid: 1, command: ['node', 'start.js'] },
    ],
    'container',
  ],
  [
    'a child of a Python program that is process 1',
    [
      { pid: 7, command: server },
      { pid: 1, command: ['python3', '/entry.py'] },
    ],
    'container',
  ],
  [
    'npm start as process 1',
    [
      { pid: 30, command: server },
      { pid: 20, command: ['sh', '-c', 'node server.js'] },
      { pid: 1, command: ['npm start'] },
    ],
    'container',
  ],
  [
    'the first process of a container that shares its pids',
    [{ pid: 12, command: server, session: 0 }],
    'container',
  ],
  [
    'what tini has started',
    [
      { pid: 7, command: server, group: 7 },
      { pid: 1, command: ['tini', '--', 'node'] },
    ],
    'reaper',
  ],
  [
    'what dumb-init has started in a session of its own',
    [
      { pid: 7, command: server, ...detached },
      { pid: 1, command: ['dumb-init', 'node'] },
    ],
    'reaper',
  ],
  [
    'what the init of busybox has started',
    [
      { pid: 7, command: server, ...detached },
      { pid: 1, command: ['init'], name: 'init' },
    ],
    'program',
  ],
  [
    'what cron has started as process 1',
    [
      { pid: 8, command: server, ...detached },
      { pid: 7, command: ['/bin/sh', '-c', 'cd app; node server.js'], ...detached },
      { pid: 1, command: ['cron', '-f'] },
    ],
    'shell script',
  ],
  ['an orphan below systemd', [{ pid: 20, command: server, ...detached }, systemd], undefined],
  [
    'an orphan below the systemd of a user',
    [
      { pid: 20, command: server, ...detached },
      { pid: 9, command: ['/lib/systemd/systemd', '--user'], name: 'systemd' },
      systemd,
    ],
    undefined,
  ],
  [
    "a program that has left its container's process 1",
    [
      { pid: 20, command: server, ...detached },
      { pid: 1, command: ['sleep', 'infinity'] },
    ],
    undefined,
  ],
  [
    'supervisord',
    [
      { pid: 20, command: server, group: 20 },
      { pid: 9, command: ['/usr/bin/python3', '/usr/bin/supervisord', '-n'] },
      systemd,
    ],
    'supervisor',
  ],
  ['runsv', [{ pid: 20, command: server }, { pid: 9, command: ['runsv', 'app'] }, systemd], 'supervisor'],
  [
    's6-supervise',
    [{ pid: 20, command: server, ...detached }, { pid: 9, command: ['s6-supervise', 'app'] }, systemd],
    'supervisor',
  ],
  [
    'forever',
    [
      { pid: 20, command: server },
      { pid: 9, command: ['node', '/usr/lib/node_modules/forever/bin/monitor', 'server.js'] },
      systemd,
    ],
    'supervisor',
  ],
  [
    'npm below supervisord',
    [
      { pid: 30, command: server },
      { pid: 20, command: ['npm start'] },
      { pid: 9, command: ['python3', 'supervisord'] },
      systemd,
    ],
    'supervisor',
  ],
  [
    'timeout',
    [
      { pid: 20, command: server, group: 15 },
      { pid: 15, command: ['timeout', '60', 'node', 'server.js'], group: 15 },
      ...typed(),
    ],
    'program',
  ],
  [
    'tsx',
    [
      { pid: 20, command: server },
      { pid: 15, command: ['node', '/app/node_modules/.bin/tsx', 'server.ts'] },
      systemd,
    ],
    'program',
  ],
  [
    'tsx, as pnpm starts it',
    [
      { pid: 20, command: server },
      {
        pid: 15,
        command: ['node', '/app/node_modules/.pnpm/tsx@4/node_modules/tsx/dist/cli.mjs', 'server.ts'],
      },
      systemd,
    ],
    'program',
  ],
  [
    'a Node program',
    [{ pid: 20, command: server }, { pid: 15, command: ['node', 'test.js'] }, systemd],
    undefined,
  ],
  [
    'a shell of a Node program',
    [
      { pid: 20, command: server },
      { pid: 18, command: ['/bin/sh', '-c', 'cd app; node server.js'] },
      { pid: 15, command: ['node', 'test.js'] },
      systemd,
    ],
    undefined,
  ],
  [
    'a script of a Node program',
    [
      { pid: 20, command: server },
      { pid: 19, command: ['sh', '-eu', './respawn.sh'] },
      { pid: 18, command: ['sh', '-c', './respawn.sh; exit'] },
      { pid: 15, command: ['node', 'test.js'] },
      systemd,
    ],
    'shell script',
  ],
  [
    'a script that has lost its starter',
    [{ pid: 20, command: server }, { pid: 18, command: ['sh', 'respawn.sh'], session: 18 }, systemd],
    'shell script',
  ],
  [
    'npm at a terminal',
    [
      { pid: 22, command: server, group: 20, foreground: 20 },
      { pid: 21, command: ['sh', '-c', 'node server.js'], group: 20 },
      { pid: 20, command: ['npm start'], group: 20 },
      ...typed(),
    ],
    'package manager',
  ],
])('%s: %j', (_name, rows, user) => {
  expect(pidUser(table(rows))).toBe(user)
})

describe('a shell at which a person types', () => {
  const job = (foreground: number, group = 20, pid = 20): Row => ({
    pid,
    command: server,
    group,
    session: 10,
    foreground,
  })

  test.each([
    [['-bash']],
    [['bash', '--init-file', '/usr/share/code/shellIntegration-bash.sh']],
    [['/bin/bash', '--rcfile', 'rc', '-i']],
    [['bash', '-O', 'extglob']],
    [['zsh', '-il']],
    [['/usr/bin/fish']],
    [['busybox', 'sh']],
  ])('%j: the foreground is the terminal’s', (shell) => {
    expect(pidUser(table([job(20), ...typed(shell)]))).toBe('terminal')
    expect(pidUser(table([job(10), ...typed(shell)]))).toBeUndefined()
  })

  test('a later part of a pipeline belongs to the job', () => {
    expect(pidUser(table([job(19, 19), ...typed()]))).toBe('terminal')
  })

  test('a subshell waits', () => {
    const subshell: Row = { pid: 19, command: ['-bash'], group: 19, session: 10, foreground: 19 }
    expect(pidUser(table([job(19, 19), subshell, ...typed()]))).toBe('terminal')
    expect(pidUser(table([job(10, 19), subshell, ...typed()]))).toBe('shell script')
  })

  test('a part of another program’s job is not one', () => {
    const runner: Row = { pid: 19, command: ['node', 'test.js'], group: 19, session: 10, foreground: 19 }
    expect(pidUser(table([job(19, 19), runner, ...typed()]))).toBeUndefined()
  })
})

describe('a process whose starter has ended', () => {
  test.each([['tini', '--', 'sh', 'run.sh'], ['sh', 'run.sh'], ['init']])('below %s', (...command) => {
    const rows: Row[] = [
      { pid: 20, command: server },
      { pid: 1, command, name: 'init' },
    ]
    expect(pidUser(table(rows, { starter: 15 }))).toBeUndefined()
  })

  test('is process 1 or systemd’s, if it is', () => {
    expect(pidUser(table([{ pid: 1, command: server }], { starter: 15 }))).toBe('container')
    const rows: Row[] = [{ pid: 20, command: server }, systemd]
    expect(pidUser(table(rows, { starter: 15, env: { SYSTEMD_EXEC_PID: '20' } }))).toBe('systemd')
  })
})

test('npm start as the main process of a unit is systemd’s', () => {
  const rows: Row[] = [
    { pid: 22, command: server },
    { pid: 21, command: ['sh', '-c', 'node server.js'] },
    { pid: 20, command: ['npm start'] },
    systemd,
  ]
  expect(pidUser(table(rows, { env: { SYSTEMD_EXEC_PID: '20' } }))).toBe('systemd')
})

test('without /proc there is none', () => {
  expect(pidUser({ ...table([{ pid: 20, command: server }]), stat: () => undefined })).toBeUndefined()
})

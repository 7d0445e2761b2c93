import { signalsOfNode } from '../../src/system/signals-of-node.ts'

const { execArgv } = process
const options = process.env['NODE_OPTIONS']
afterEach(() => {
  process.execArgv = execArgv
  delete process.env['NODE_OPTIONS']
  if (options !== undefined) process.env['NODE_OPTIONS'] = options
})

test.each<[args: string[], options: string, signals: string[]]>([
  [[], '', []],
  [['--heapsnapshot-signal=SIGUSR2'], '', ['SIGUSR2']],
  [['--heapsnapshot-signal', 'SIGHUP'], '', ['SIGHUP']],
  [['--heapsnapshot_signal=SIGHUP'], '', ['SIGHUP']],
  [[], '--max-old-space-size=100 --heapsnapshot-signal=SIGUSR2', ['SIGUSR2']],
  [['--heapsnapshot-near-heap-limit=2'], '', []],
])('%j with NODE_OPTIONS=%j reserves %j for Node', (args, variable, signals) => {
  process.execArgv = args
  process.env['NODE_OPTIONS'] = variable
  expect(signalsOfNode()).toEqual(signals)
})

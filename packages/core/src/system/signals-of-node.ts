/**
 * The signals that the command line, NODE_OPTIONS or the program has given to Node itself, which writes a diagnostic
 * report (`--report-on-signal`, `process.report.reportOnSignal`) or a heap snapshot (`--heapsnapshot-signal`) at them.
 * https://nodejs.org/docs/latest/api/cli.html
 */
export function signalsOfNode(): readonly string[] {
  const { report } = process as { report?: { reportOnSignal?: boolean; signal?: string } }
  const words = [...(process.env['NODE_OPTIONS'] ?? '').split(/[\s"]+/), ...process.execArgv]
  const snapshots = words.flatMap((word, index) => {
    const found = /^--heapsnapshot[-_]signal(?:=(.*))?$/.exec(word)
    return found === null ? [] : [found[1] ?? words[index + 1] ?? '']
  })
  return report?.reportOnSignal === true ? [...snapshots, report.signal ?? ''] : snapshots
}

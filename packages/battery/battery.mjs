/** `npm run battery [-- [--bare | --with] [name …]]` */
import { Application, names } from './src/application.mjs'
import { tables } from './src/table.mjs'
import { runTrials } from './src/trials.mjs'
import { faultsOf } from './src/verdict.mjs'

const args = process.argv.slice(2)
const only = { '--bare': [false], '--with': [true] }[args.find((word) => word.startsWith('--'))]
const wanted = args.filter((word) => !word.startsWith('--'))
const chosen = names().filter((name) => wanted.length === 0 || wanted.some((word) => name.startsWith(word)))
const rows = []
for (const name of chosen) {
  try {
    const application = new Application(name)
    console.error(`${name}: preparing`)
    application.prepare()
    const { plugin } = application.settings
    for (const zerodrop of only ?? (plugin ? [true] : [true, false])) {
      console.error(`${name}: ${zerodrop ? 'with' : 'without'} zerodrop`)
      const result = await runTrials(application, zerodrop)
      console.error(JSON.stringify(result))
      rows.push({ application, zerodrop, result })
      for (const fault of zerodrop ? faultsOf(application, result) : []) {
        process.exitCode = 1
        console.error(`${name}: ${fault}`)
      }
    }
  } catch (error) {
    process.exitCode = 1
    console.error(`${name}: ${error.stack}`)
  }
}
console.log(tables(rows))

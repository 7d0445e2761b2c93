/** What zerodrop promises of each row, in words about what is not so. */

/** @returns a sentence for each promise that the row breaks */
export function faultsOf({ settings }, { stop, restarts, badDeploy }) {
  const { processes = 1, refuses, watched = false, exit = 0 } = settings
  const faults = []
  const expect = (isSo, text) => isSo || faults.push(text)

  // Under `node --watch`, zerodrop lets idle connections go at once.
  expect(watched || stop.lost === 0, `SIGTERM lost ${stop.lost}`)
  expect(stop.errors === 0, `SIGTERM: ${stop.errors} responses other than 200`)
  expect(stop.exit === exit, `SIGTERM: ended with ${stop.exit}, not ${exit}`)
  expect(isClean(stop.cleanUp, processes), `SIGTERM: cleaned up ${JSON.stringify(stop.cleanUp)}`)

  expect(nothingLost(restarts), `restarts lost ${losses(restarts)}`)
  expect(restarts.kept === 20, `restarts kept ${restarts.kept} of 20 connections`)
  expect(restarts.refusedAs === refuses, `a restart was refused as ${restarts.refusedAs}, not ${refuses}`)
  expect(isClean(restarts.cleanUp, 3 * processes), `restarts: cleaned up ${JSON.stringify(restarts.cleanUp)}`)

  if (badDeploy === undefined) return faults
  expect(nothingLost(badDeploy), `the bad deploy lost ${losses(badDeploy)}`)
  expect(badDeploy.serves, 'the old version does not serve after the bad deploy')
  return faults
}

const nothingLost = ({ lost, refused, errors }) => lost + refused + errors === 0
const losses = ({ lost, refused, errors }) => `${lost}, refused ${refused}, other than 200: ${errors}`

/** Once, and with no request in flight and none after it, in every process. An app may have nothing to clean up. */
const isClean = (counted, processes) => counted === undefined || counted.right === processes

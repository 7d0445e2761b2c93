/** What is done to each application. */
import { writeFileSync } from 'node:fs'
import { startLoad } from './load.mjs'

/** @returns a row of the table for each trial */
export async function runTrials(application, zerodrop) {
  return {
    stop: await stop(application, zerodrop),
    restarts: await restarts(application, zerodrop),
    badDeploy: await badDeploy(application, zerodrop),
  }
}

async function stop(application, zerodrop) {
  return onSite(application, zerodrop, async (site, load) => {
    load.stayAway()
    site.signal('SIGTERM')
    const ended = await site.until(() => site.family.length === 0, 40_000)
    const { lost, errors } = await load.stop()
    const { code, signal } = ended ? await site.exited : { code: null, signal: 'never' }
    await site.closed
    return {
      lost,
      errors,
      exit: signal ?? code,
      cleanUp: cleanUpOf(site, application.settings.processes ?? 1),
    }
  })
}

async function restarts(application, zerodrop) {
  if (zerodrop && application.settings.refuses !== undefined) return refusal(application)
  return onSite(application, zerodrop, async (site, load) => {
    for (let count = 0; count < 3; count++) {
      await (zerodrop ? reload(site) : stopAndStart(site))
      await load.after(60)
    }
    const { lost, refused, errors, kept } = await load.stop()
    const cleanUp = cleanUpOf(site, 3 * (application.settings.processes ?? 1))
    return { lost, refused, errors, kept, cleanUp }
  })
}

/** A restart where zerodrop refuses it: says why, and goes on serving. */
async function refusal(application) {
  return onSite(application, true, async (site, load) => {
    const { refuses } = application.settings
    site.signal('SIGHUP')
    const refusedAs = (await site.until(() => site.output.includes(refuses))) ? refuses : 'nothing was said'
    await load.after(60)
    return { refusedAs, ...(await load.stop()) }
  })
}

async function badDeploy(application, zerodrop) {
  // Nothing is deployed where a restart is refused.
  if (zerodrop && application.settings.refuses !== undefined) return undefined
  return onSite(application, zerodrop, async (site, load) => {
    writeFileSync(site.broken, '')
    const old = site.newest
    if (zerodrop) {
      site.signal('SIGHUP')
      await site.until(() => /restart failed/.test(site.output))
    } else {
      await end(site)
      await site.start().catch(() => {})
    }
    await load.after(60)
    const serves = site.family.includes(old)
    const { lost, refused, errors, kept } = await load.stop()
    return { lost, refused, errors, kept, serves }
  })
}

/** Runs a trial with an application that serves and is under load, and leaves nothing behind. */
async function onSite(application, zerodrop, trial) {
  const site = await application.deploy(zerodrop)
  try {
    await site.start()
    const load = await startLoad(site.port, application.settings)
    await load.after(100)
    return await trial(site, load)
  } finally {
    site.kill()
  }
}

async function reload(site) {
  const old = site.newest
  site.signal('SIGHUP')
  await site.until(() => site.newest !== old && !site.family.includes(old))
}

async function stopAndStart(site) {
  await end(site)
  await site.start()
}

async function end(site) {
  site.signal('SIGTERM')
  if (!(await site.until(() => site.family.length === 0, 10_000))) site.killAll()
  await site.exited
}

/** Of the processes that had to end, how many have cleaned up once and behind their last request. */
function cleanUpOf({ application, cleanUps }, processes) {
  if (application.settings.cleansUp === false) return undefined
  const all = [...cleanUps.values()]
  return {
    right: all.filter(({ times, early }) => times === 1 && !early).length,
    early: all.filter(({ early }) => early).length,
    never: Math.max(0, processes - all.length),
  }
}

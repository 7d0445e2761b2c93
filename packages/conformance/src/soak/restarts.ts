import type { Generations, RestartTimes } from '../generations.ts'
import { sizeOf } from '../process-size.ts'
import type { ProcessSize } from '../process-size.ts'
import type { Progress } from '../progress.ts'
import type { SoakOptions } from './arguments.ts'
import type { Clients } from './clients.ts'

/** How large a generation was at the end of its time, just before the next restart. */
export interface Sample extends ProcessSize {
  /** Live processes of the app. */
  readonly processes: number
  /** Bytes of resident memory of the soak itself. */
  readonly own: number
}

export interface Course {
  readonly restarts: readonly RestartTimes[]
  /** One of each generation; none where there is no /proc. */
  readonly samples: readonly Sample[]
  /** What kept the soak from being carried through. */
  readonly problem: Error | undefined
}

interface Site {
  readonly name: string
  readonly generations: Generations
  /** Restarts the server, which no client should notice. */
  readonly act: () => Promise<RestartTimes>
  readonly clients: Clients
  readonly progress: Progress
}

/** How many requests at least come between two restarts: about a second of them. */
const QUIET = 800
/** How long after the predecessor's end, in milliseconds, a request still counts as made around the restart. */
const AFTER = 250
/** Without a terminal a line is printed for every so many parts of the restarts. */
const PARTS = 10

/** Makes all restarts, each when its share of the requests has been made; goes on to the last request. */
export async function restartEvenly(site: Site, { restarts, requests }: SoakOptions): Promise<Course> {
  const { name, generations, act, clients, progress } = site
  const times: RestartTimes[] = []
  const samples: Sample[] = []
  const quiet = async (requests: number): Promise<void> => {
    await clients.until(Math.max(requests, clients.standing.ended + QUIET))
    samples.push(...sampleOf(generations))
  }
  try {
    await clients.until(QUIET)
    clients.calm(0)
    for (let restart = 1; restart <= restarts; restart += 1) {
      const title = `${name}, restart ${restart} of ${restarts}`
      progress.step(() => `${title}: ${inWords(clients)}`)
      await quiet((requests * restart) / (restarts + 1))
      clients.mark(`restart ${restart}`)
      times.push(await act())
      clients.calm(AFTER)
      if (restart % Math.ceil(restarts / PARTS) === 0) progress.done(`${title}: ${inWords(clients)}`)
    }
    await quiet(requests)
  } catch (error) {
    return { restarts: times, samples, problem: error as Error }
  }
  return { restarts: times, samples, problem: undefined }
}

function sampleOf({ pid, processes }: Generations): Sample[] {
  const size = sizeOf(pid)
  return size ? [{ ...size, processes, own: process.memoryUsage.rss() }] : []
}

function inWords({ standing }: Clients): string {
  const { requests, lost, refused } = standing
  return `${requests.toLocaleString('en')} requests, ${lost} lost, ${refused} refused`
}

import { constants } from 'node:os'
import { Failure } from '../../fail.ts'
import { docker } from './docker.ts'

/** In milliseconds. An engine that runs answers within a fraction of it. */
const ENGINE = 10_000

export interface Image {
  readonly name: string
  /** The signal that `docker stop` sends; undefined if the image names none. */
  readonly stopSignal: string | undefined
}

/**
 * Looks for an image, and pulls it if the engine does not have it.
 * @throws Failure if no Docker engine answers, or if the image cannot be pulled
 */
export async function findImage(
  name: string,
  { signal, say }: { readonly signal: AbortSignal; readonly say: (line: string) => void },
): Promise<Image> {
  await docker(['version', '--format', '{{.Server.Version}}'], { signal, timeout: ENGINE }).catch(
    (error: Error) => {
      throw new Failure(`--docker needs a Docker engine, and none answers: ${error.message}`, { status: 2 })
    },
  )
  const stopSignal = (): Promise<string> =>
    docker(['image', 'inspect', '--format', '{{.Config.StopSignal}}', name], { signal })
  try {
    return { name, stopSignal: nameOf(await stopSignal()) }
  } catch {
    say(`The engine does not have ${name}: pulling it.`)
  }
  try {
    await docker(['pull', name], { signal })
    return { name, stopSignal: nameOf(await stopSignal()) }
  } catch (error) {
    throw new Failure(`The image ${name} cannot be pulled: ${(error as Error).message}`, { status: 2 })
  }
}

/** STOPSIGNAL takes a name with or without SIG, or a number. Podman prints 0 if there is none. */
function nameOf(signal: string): string | undefined {
  if (signal === '' || signal === '0' || signal === '<no value>') return undefined
  return Object.entries(constants.signals).find(([, number]) => number === Number(signal))?.[0] ?? signal
}

import { signalOf, wrong } from './flag-values.ts'
import type { Event } from './settings.ts'

/** The options that say what happens to the server. */
export interface EventFlags {
  readonly stop?: string
  readonly restart?: string
  readonly restartCommand?: string
}

/**
 * @param imageSignal the `STOPSIGNAL` of the image, which stops a container without `--stop`
 * @throws Failure with status 2 if the options conflict or are invalid
 */
export function eventOf(
  { stop, restart, restartCommand }: EventFlags,
  imageSignal: string | undefined,
): Event {
  if ([stop, restart, restartCommand].filter((each) => each !== undefined).length > 1)
    throw wrong('Give one of --stop, --restart and --restart-command.')
  if (restartCommand !== undefined) return { kind: 'restart-command', command: restartCommand }
  if (restart !== undefined) return { kind: 'restart', signal: signalOf(restart, '--restart') }
  if (stop !== undefined || imageSignal === undefined)
    return { kind: 'stop', signal: signalOf(stop ?? 'SIGTERM', '--stop') }
  try {
    return { kind: 'stop', signal: signalOf(imageSignal, 'STOPSIGNAL') }
  } catch {
    throw wrong(
      `The image stops with ${imageSignal} (STOPSIGNAL). Name a signal that verify can send, with --stop.`,
    )
  }
}

export function eventInWords(event: Event): string {
  if (event.kind === 'restart-command') return `deployed by "${event.command}"`
  return event.kind === 'stop' ? `stopped by ${event.signal}` : `restarted by ${event.signal}`
}

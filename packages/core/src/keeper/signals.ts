import type { KeeperSystem } from '../system/keeper-system.ts'

/** These signals end a process that does not handle them, and one that is starting. */
export const stops: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGINT', 'SIGQUIT']

/** These signals may mean a restart, and would end a generation that is starting. */
const others: readonly NodeJS.Signals[] = ['SIGHUP', 'SIGUSR1', 'SIGUSR2']

/** An application may handle these signals too. They end a process that does not. */
const further: readonly NodeJS.Signals[] = ['SIGALRM', 'SIGVTALRM', 'SIGIO', 'SIGPWR']

/**
 * A terminal or a shell sends these signals to every process of a job. The keeper has to stop with its job, or the shell
 * would wait for it.
 */
const ofJobs: readonly NodeJS.Signals[] = ['SIGTSTP', 'SIGTTIN', 'SIGTTOU', 'SIGCONT', 'SIGWINCH']

/** The signals that a keeper passes on to the application, which decides what they mean. */
export function passedOn({ terminal }: Pick<KeeperSystem, 'terminal'>): NodeJS.Signals[] {
  return [...others, ...further, ...(terminal ? [] : ofJobs)]
}

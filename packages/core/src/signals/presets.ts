import type { SignalTable } from './signal-actions.ts'

/** A system whose signals are known by heart where it is used. */
export type SignalPreset = 'endless' | 'goagain' | 'grace' | 'nginx' | 'unicorn'

/**
 * What each system does at which signal. Where it would do something that a process without a master has no use for, the
 * signal is taken and ignored, so that a habit does not stop the process: SIGUSR1, SIGTSTP, SIGTTIN and SIGTTOU would.
 */
export const signalPresets: Readonly<Record<SignalPreset, SignalTable>> = {
  endless: {
    reactions: {
      SIGHUP: { action: 'restart' },
      SIGINT: { action: 'shutdown' },
      SIGTERM: { action: 'shutdown' },
      SIGUSR2: { action: 'force' },
      // For hooks only.
      SIGUSR1: { action: 'ignore' },
      SIGTSTP: { action: 'ignore' },
    },
    secondStop: 'ignore',
    forcesOnlyDrains: true,
  },
  goagain: {
    reactions: {
      SIGINT: { action: 'shutdown' },
      SIGTERM: { action: 'shutdown' },
      SIGQUIT: { action: 'shutdown' },
      SIGUSR2: { action: 'restart' },
      // OnSIGHUP and OnSIGUSR1, which do nothing unless the application sets them.
      SIGHUP: { action: 'ignore' },
      SIGUSR1: { action: 'ignore' },
    },
    secondStop: 'ignore',
    forcesOnlyDrains: false,
  },
  grace: {
    reactions: {
      SIGINT: { action: 'shutdown' },
      SIGTERM: { action: 'shutdown' },
      SIGUSR2: { action: 'restart' },
    },
    secondStop: 'default',
    forcesOnlyDrains: false,
  },
  nginx: {
    reactions: {
      SIGINT: { action: 'force' },
      SIGTERM: { action: 'force' },
      SIGQUIT: { action: 'shutdown' },
      SIGHUP: { action: 'restart' },
      SIGUSR2: { action: 'restart' },
      // Reopens the logs: the application's matter.
      SIGUSR1: { action: 'ignore' },
    },
    secondStop: 'ignore',
    forcesOnlyDrains: false,
  },
  unicorn: {
    reactions: {
      SIGINT: { action: 'force' },
      SIGTERM: { action: 'force' },
      SIGQUIT: { action: 'shutdown' },
      SIGHUP: { action: 'restart' },
      SIGUSR2: { action: 'restart' },
      SIGUSR1: { action: 'ignore' },
      // One worker more, one fewer.
      SIGTTIN: { action: 'ignore' },
      SIGTTOU: { action: 'ignore' },
    },
    secondStop: 'ignore',
    forcesOnlyDrains: false,
  },
}

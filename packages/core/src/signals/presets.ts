import type { SignalTable } from './signal-actions.ts'

/** A system whose users know its signals by heart. */
export type SignalPreset = 'endless' | 'goagain' | 'grace' | 'nginx' | 'unicorn'

/**
 * The signals of each system. If a system uses a signal for something that a process without a master does
 * not need, the signal is handled and ignored. Otherwise an operator's habit would stop the process:
 * SIGUSR1, SIGTSTP, SIGTTIN and SIGTTOU would do that.
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
      // Reopens the logs, which the application has to do.
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

import * as Sentry from '@sentry/node'

/** Keeps what it is given in memory. */
const transport = () => ({ send: async () => ({}), flush: async () => true })

Sentry.init({ dsn: 'https://key@sentry.invalid/1', tracesSampleRate: 1, transport })

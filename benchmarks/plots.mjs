/** What of a result is drawn. Each makes bars: of whom, how long, and what is written beside them. */

/** @type {Record<string, (result: import('./lib/results.mjs').Result) => import('./lib/plot.mjs').Chart>} */
export const plots = {
  restart: ({ rows }) => ({
    title: 'Requests lost per restart (square-root scale)',
    bars: rows
      .filter((row) => row['lost per restart'] !== undefined)
      .map((row) => ({
        of: row[''],
        value: Number(row['lost per restart']),
        text: `${row['lost per restart']} lost, ${row['connections kept']} connections kept`,
      })),
  }),
  'exit-busy': ({ rows }) => ({
    title: 'Requests lost by 100 busy clients when the server stops',
    bars: rows.map((row) => ({
      of: row[''],
      value: row.lost / row.runs,
      text: (row.lost / row.runs).toFixed(1),
    })),
  }),
  'memory-http': ({ rows }) => ({
    title: 'Bytes of heap per idle connection, over the bare server',
    bars: rows
      .filter((row) => row[''] !== 'base')
      .map((row) => ({
        of: row[''],
        value: Math.max(0, Number(row['heap over base'])),
        text: row['heap over base'],
      })),
  }),
}

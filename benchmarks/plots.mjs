/** What of each table is drawn: the bars, what is written beside them, and the goal. A test wants one for each table. */

/**
 * @typedef {import('./lib/results.mjs').Result} Result
 * @typedef {import('./lib/plot.mjs').Chart} Chart
 * @type {Record<string, (result: Result) => Chart>}
 */
export const plots = {
  restart: ({ rows }) => ({
    title: 'Requests lost per restart (square-root scale)',
    scale: 'sqrt',
    bars: rows
      .filter((row) => row['lost per restart'] !== undefined)
      .map((row) => ({
        of: row[''],
        value: Number(row['lost per restart']),
        text: `${row['lost per restart']} lost, ${row['connections kept']} connections kept`,
      })),
  }),
  'exit-busy': ({ rows }) => ({
    title: 'Requests that 100 busy clients lose at a stop',
    bars: rows.map((row) => ({
      of: row[''],
      value: row.lost / row.runs,
      text: `${(row.lost / row.runs).toFixed(1)} lost`,
    })),
  }),
  'exit-nothing': stopTimes('Milliseconds from SIGTERM to the exit, without a connection'),
  'exit-inFlight': stopTimes('Milliseconds from the end of the last response to the exit'),
  'exit-idle': stopTimes('Milliseconds from SIGTERM to the exit, with idle connections'),
  'overhead-together-http': cost,
  'overhead-together-express': cost,
  'overhead-together-koa': cost,
  'overhead-together-fastify': cost,
  scrape: ({ rows }) => ({
    title: 'Milliseconds of CPU time for one scrape: median, least to most',
    bars: rows.map((row) => ({
      of: row[''],
      value: Number(row['ms of CPU']),
      interval: interval(row['least, most']),
      text: `${row['ms of CPU']} ms`,
      isOurs: true,
    })),
  }),
  'memory-http': heap('Bytes of heap per idle connection, over the server without a library', 100),
  'memory-ws': heap('Bytes of heap per open WebSocket, over the server without a library', 200),
  start: ({ rows }) => ({
    title: 'Milliseconds of CPU time that the preload adds to a start',
    goal: { value: 10, text: 'at most 10 ms' },
    bars: rows.map((row) => ({
      of: row[''],
      value: Number(row.added),
      interval: interval(row['95 %']),
      text: `${row.added} ms`,
      isOurs: /--require$|, --import$/.test(row['']),
    })),
  }),
  migrate: rates,
  'migrate-keeper': rates,
  floor: ({ rows }) => ({
    title: "Connections per second, with Node's own process.send() alone",
    bars: rows.map((row) => ({
      of: row[''],
      value: row['per second'],
      text: row['per second'].toLocaleString('en'),
    })),
  }),
  'warm-up-0': latencies,
  'warm-up-30': latencies,
}

function stopTimes(title) {
  return ({ rows }) => ({
    title,
    bars: rows.map((row) => ({
      of: row[''],
      value: row.milliseconds ?? 0,
      text:
        row.milliseconds === undefined
          ? `the request is lost in ${row.lost} of ${row.runs} runs`
          : `${row.milliseconds.toLocaleString('en')} ms`,
    })),
  })
}

/** One middleware of fifty is a fiftieth of their cost. */
function cost({ name, rows }) {
  return {
    title: `CPU time per request over the base, ${lastWord(name)}, with the 95 % interval`,
    goal: { value: 0.5, text: 'at most 0.5 %' },
    bars: rows.map((row) => {
      const times = row[''] === 'zerodrop-times50' ? 50 : 1
      const percent = (ratio) => ((ratio - 1) * 100) / times
      return {
        of: times === 1 ? row[''] : `${row['']}, a fiftieth of it`,
        value: percent(Number(row.median)),
        interval: interval(row['95 %']).map(percent),
        text: `${percent(Number(row.median)).toFixed(2)} %`,
      }
    }),
  }
}

function heap(title, goal) {
  return ({ rows }) => ({
    title,
    goal: { value: goal, text: `at most ${goal} bytes` },
    bars: rows
      .filter((row) => row[''] !== 'base')
      .map((row) => ({
        of: row[''],
        value: Number(row['heap over base']),
        text: `${row['heap over base']} bytes`,
      })),
  })
}

function rates({ name, rows }) {
  return {
    title: `Connections that move per second${name === 'migrate' ? '' : ', under zerodrop run'}`,
    goal: { value: 5000, text: 'at least 5,000' },
    bars: rows.map((row) => ({
      of: row[''],
      value: row['per second'],
      text: row['per second'].toLocaleString('en'),
      isOurs: true,
    })),
  }
}

function latencies({ name, rows }) {
  const times = ['quiet', 'around control', 'around restarts']
  return {
    title: `p99 of a request in milliseconds, ${lastWord(name)} ms away`,
    bars: rows.flatMap((row) =>
      times.map((time) => ({
        of: `${row['']}, ${time}`,
        value: Number(row[time]),
        text: `${row[time]} ms`,
        isOurs: time === 'around restarts',
      })),
    ),
  }
}

/** What the table is of: the last part of its name. */
function lastWord(name) {
  return name.split('-').at(-1)
}

/** Reads what `range()` of rows.mjs has written. */
function interval(text) {
  return text.split(' to ').map(Number)
}

/**
 * Several variants in one process, each on a port of its own: `together.mjs http base base zerodrop`. The query makes
 * each a module of its own, so that two times the same variant share no more code than two variants do. zerodrop comes
 * last: it takes care of what begins to listen after it.
 */
import { once } from 'node:events'

const [framework, ...variants] = process.argv.slice(2)
for (const [index, variant] of variants.entries()) {
  const listening = once(process, 'benchmark:listening')
  await import(`./${framework}-${variant}.mjs?${index}`)
  await listening
}

/**
 * An Express application with a template engine and a lazy start: the first page costs 200 ms of processor time more than those
 * after it, as where a library is loaded and a cache filled when they are first needed.
 */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { graceful, lifecycle } from '@zerodrop/express'
import express from 'express'

const [port, options] = process.argv.slice(2)
const lazyStart = 200
const compiled = new Map()
let started = false

const app = express()
app.use(graceful(JSON.parse(options)))
app.set('views', fileURLToPath(new URL('views', import.meta.url)))
app.set('view engine', 'html')
app.engine('html', (file, locals, callback) => {
  if (!compiled.has(file)) compiled.set(file, compile(readFileSync(file, 'utf8')))
  callback(null, compiled.get(file)(locals))
})
app.get('/', (_request, response) => {
  if (!started) start()
  const products = Array.from({ length: 50 }, (_, index) => ({
    name: `product ${index}`,
    price: index * 1.25,
  }))
  response.render('products', { products })
})
lifecycle.onReady('ready', () => say('ready'))
app.listen(Number(port), '127.0.0.1', () => say('listening'))
lifecycle.onRestart('say', ({ role }) => role === 'successor' && say('serving'))

function start() {
  started = true
  const end = performance.now() + lazyStart
  while (performance.now() < end);
}

/** Makes a function of a template: `{{name}}` is a value, and `{{#each list}}…{{/each}}` repeats what is between. */
function compile(template) {
  const [before, item, after] = template.split(/\{\{#each products\}\}|\{\{\/each\}\}/)
  const fill = (text, values) =>
    text.replaceAll(/\{\{(\w+)\}\}/g, (_, name) => String(values[name]).replaceAll('<', '&lt;'))
  return ({ products, ...locals }) =>
    fill(before, locals) + products.map((product) => fill(item, product)).join('') + fill(after, locals)
}

function say(event) {
  console.log(JSON.stringify({ event, pid: process.pid, at: Date.now() }))
}

import type { IncomingMessage } from 'node:http'

/** Writes the head of a request as it arrived, in Latin-1, as Node reads header values. */
export function requestHead(request: IncomingMessage, url: string = request.url ?? '/'): string {
  const { method = 'GET', httpVersion, rawHeaders } = request
  let head = `${method} ${url} HTTP/${httpVersion}\r\n`
  for (let index = 0; index + 1 < rawHeaders.length; index += 2)
    head += `${rawHeaders[index]}: ${rawHeaders[index + 1]}\r\n`
  return `${head}\r\n`
}

/** The same head with another value of one header, which is added if it is missing; undefined leaves the header out. */
export function withHeader(head: string, name: string, value: string | undefined): string {
  const wanted = `${name.toLowerCase()}:`
  const lines = head.slice(0, -4).split('\r\n')
  const others = lines.filter((line, index) => index === 0 || !line.toLowerCase().startsWith(wanted))
  const changed = value === undefined ? others : [...others, `${name}: ${value}`]
  return `${changed.join('\r\n')}\r\n\r\n`
}

import type { OpeningRequest } from './options.ts'

/** Reads the head of a request, as Node would: names in lower case, several values of one name joined. */
export function openingRequest(head: string): OpeningRequest {
  const [line = '', ...fields] = head.trimEnd().split('\r\n')
  const [method = '', url = ''] = line.split(' ')
  const headers: Record<string, string> = {}
  for (const field of fields) {
    const colon = field.indexOf(':')
    const name = field.slice(0, colon).toLowerCase()
    const value = field.slice(colon + 1).trim()
    const before = headers[name]
    headers[name] = before === undefined ? value : `${before}${name === 'cookie' ? '; ' : ', '}${value}`
  }
  return { method, url, headers }
}

import { message } from '../../src/handover/protocol.ts'
import { isForeign, unreadable } from '../../src/handover/unreadable.ts'

const own = message({ type: 'ready' }) as { zerodrop?: number }

test('neither a readable message nor a message of the application is an error', () => {
  expect([unreadable('It', own, ''), unreadable('It', { hello: 1 }, ''), unreadable('It', null, '')]).toEqual(
    [undefined, undefined, undefined],
  )
  expect([isForeign(own), isForeign({ hello: 1 })]).toEqual([false, false])
})

test('the error for another protocol version names the version and what to do', () => {
  const [[name, version] = ['', 0]] = Object.entries(own).filter(([, value]) => typeof value === 'number')
  const foreign = { ...own, [name]: (version as number) + 1 }
  expect(isForeign(foreign)).toBe(true)
  expect(unreadable('The successor', foreign, 'This process goes on serving.')).toMatchObject({
    code: 'ERR_ZERODROP_PROTOCOL_MISMATCH',
    message: expect.stringMatching(
      /^The successor speaks version \d+ of zerodrop's protocol, and this process version \d+\. .* This process goes on serving\.$/,
    ),
  })
})

test('an unreadable message of this version is reported as a bug', () => {
  const broken = { ...own, type: 'no such type' }
  expect(isForeign(broken)).toBe(false)
  expect(unreadable('The successor', broken, '')?.message).toContain('This is a bug in zerodrop')
})

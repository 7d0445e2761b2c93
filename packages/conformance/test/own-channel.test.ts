import { RawClient, leftovers } from '@zerodrop/traffic'
import { factsServer, Program } from './support/program.ts'
import { describePosix } from './support/site.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

describePosix('the channel between two generations', () => {
  test('is not the application’s: it may listen to the messages and the end of one, and close it', async () => {
    const program = await Program.start(undo, [process.execPath, factsServer], {
      env: { FACTS_HANDLERS: '1' },
    })
    const first = await program.next()
    const second = await program.restart()
    const third = await program.restart()
    // The third restart begins when the first successor has ended, so by then its handlers have seen everything.
    const fourth = await program.restart()
    expect([first, second, third, fourth].map(({ generation }) => generation)).toEqual([1, 2, 3, 4])
    expect(fourth.channel).toEqual(first.channel)
    expect(fourth.channel).toMatchObject({ send: 'undefined', connected: 'undefined', channel: 'undefined' })
    const client = await RawClient.connect({ port: program.port })
    undo.add(() => client.destroy())
    await expect(client.request()).resolves.toMatchObject({ status: 200 })
    expect(program.stderr).not.toMatch(/error|unknown/i)
  })
})

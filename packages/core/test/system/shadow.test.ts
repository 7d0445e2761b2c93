import { shadow } from '../../src/system/shadow.ts'

class Door {
  readonly #said: string[] = []
  say(word: string): string[] {
    this.#said.push(word)
    return this.#said
  }
}

const loudly = (door: Door) =>
  shadow(
    door,
    'say',
    (say) =>
      function (this: Door, word: string) {
        return Reflect.apply(say, this, [word.toUpperCase()])
      },
  )

test('the replacement is called instead of the method, with its receiver', () => {
  const door = new Door()
  loudly(door)
  expect(door.say('open')).toEqual(['OPEN'])
})

test('the undo leaves an inherited method inherited', () => {
  const door = new Door()
  const undo = loudly(door)
  undo()
  expect(Object.getOwnPropertyNames(door)).toEqual([])
  expect(door.say('open')).toEqual(['open'])
})

test('the undo restores an own property as it was', () => {
  const door = new Door()
  const say = () => ['own']
  Object.defineProperty(door, 'say', { value: say, configurable: true, enumerable: true, writable: false })
  const before = Object.getOwnPropertyDescriptor(door, 'say')
  loudly(door)()
  expect(Object.getOwnPropertyDescriptor(door, 'say')).toEqual(before)
})

test('the undo keeps a wrapper that was installed on top', () => {
  const door = new Door()
  const undo = loudly(door)
  const wrapped = Reflect.get(door, 'say') as (this: Door, word: string) => string[]
  door.say = function (this: Door, word: string) {
    return Reflect.apply(wrapped, this, [`${word}!`])
  }
  expect(door.say('open')).toEqual(['OPEN!'])
  undo()
  expect(door.say('shut')).toEqual(['OPEN!', 'shut!'])
})

test('two shadows can be undone in any order', () => {
  const door = new Door()
  const first = loudly(door)
  const second = loudly(door)
  first()
  expect(door.say('open')).toEqual(['OPEN'])
  second()
  expect(door.say('shut')).toEqual(['OPEN', 'shut'])
})

test('a second call of the undo does nothing', () => {
  const door = new Door()
  const undo = loudly(door)
  undo()
  loudly(door)
  undo()
  expect(door.say('open')).toEqual(['OPEN'])
})

import type { Release } from './system.ts'

type Method = (this: never, ...args: never[]) => unknown

/**
 * Replaces a method of one object, and returns a function that undoes it.
 *
 * The undo is safe in any order. If the property still holds our method, the property is put back as it was: an own
 * property with its old value, or none. If other code has wrapped our method since, that wrapper stays, and
 * our method passes each call on to the method it replaced. Calling the undo again does nothing.
 * @param replace gets the original method, which it may call
 * @param keepsOwn whether the undo leaves an own property with the old method where there was none: after a
 * property was deleted, V8 keeps an object slow and large for good, which matters for an object per
 * connection
 */
export function shadow<Target extends object, Key extends keyof Target>(
  target: Target,
  key: Key,
  replace: (original: Target[Key]) => Target[Key] & Method,
  { keepsOwn = false }: { readonly keepsOwn?: boolean } = {},
): Release {
  const own = Object.getOwnPropertyDescriptor(target, key)
  const original = target[key]
  const replacement = replace(original)
  let released = false
  const method = function (this: unknown, ...args: unknown[]): unknown {
    return Reflect.apply((released ? original : replacement) as (...args: unknown[]) => unknown, this, args)
  }
  Object.defineProperty(target, key, {
    value: method,
    configurable: true,
    writable: true,
    enumerable: own?.enumerable ?? false,
  })
  return () => {
    released = true
    if (Object.getOwnPropertyDescriptor(target, key)?.value !== method) return
    if (own === undefined && keepsOwn) Reflect.set(target, key, original)
    else if (own === undefined) Reflect.deleteProperty(target, key)
    else Object.defineProperty(target, key, own)
  }
}

/** Waits for the next event loop tick. */
export function turn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve))
}

/** Waits as many event loop ticks; 10 are enough for all pending work that needs no timer to end. */
export async function turns(count = 10): Promise<void> {
  for (let done = 0; done < count; done++) await turn()
}

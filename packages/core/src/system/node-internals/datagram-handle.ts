/**
 * Node's handle of a UDP socket, with the members used here. Node calls these methods on the object itself.
 */
export interface DatagramHandle {
  readonly fd: number
  bind: (address: string, port: number, flags: number) => number
  open(fd: number): number
  recvStart(): number
  recvStop(): number
  close(callback?: () => void): void
  addMembership(...group: unknown[]): number
  addSourceSpecificMembership(...group: unknown[]): number
}

/**
 * The native handle of a UDP socket, under a symbol of this description since Node 11. Undefined once it is closed.
 * https://github.com/nodejs/node/blob/v20.19.0/lib/internal/dgram.js (kStateSymbol)
 */
export function datagramHandleOf(socket: object): DatagramHandle | undefined {
  const symbol = Object.getOwnPropertySymbols(socket).find(
    ({ description }) => description === 'state symbol',
  )
  const state = symbol && (Reflect.get(socket, symbol) as { handle?: DatagramHandle | null } | undefined)
  return state?.handle ?? undefined
}

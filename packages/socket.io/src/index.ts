export { drainSocketIo, type SocketIoServer } from './drain.ts'
export { moveSocketIo, type MovableSocketIoServer, type MoveSocketIoOptions } from './move.ts'

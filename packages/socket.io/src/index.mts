export {
  drainSocketIo,
  moveSocketIo,
  type MovableSocketIoServer,
  type MoveSocketIoOptions,
  type SocketIoServer,
} from './index.ts'

export { drainSocketIo, type SocketIoServer } from './index.ts'

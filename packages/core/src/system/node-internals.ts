/**
 * Every read of a private field of Node is in the files of `node-internals/`, one file for each class or
 * module. Each function returns `undefined` if it cannot tell: if a Node version stores the field elsewhere,
 * no caller may close or move a connection because of that.
 */
export * from './node-internals/accepting.ts'
export * from './node-internals/channel.ts'
export * from './node-internals/cluster.ts'
export * from './node-internals/datagram-handle.ts'
export * from './node-internals/diagnostics.ts'
export * from './node-internals/http-connection.ts'
export * from './node-internals/http-response.ts'
export * from './node-internals/listening-handle.ts'
export * from './node-internals/parent-pipe.ts'
export * from './node-internals/socket.ts'
export * from './node-internals/spawn.ts'
export * from './node-internals/tls.ts'

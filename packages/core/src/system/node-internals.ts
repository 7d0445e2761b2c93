/**
 * Every read of something private in Node: the files of `node-internals/`, one for each thing of Node's. Each function
 * answers `undefined` for "cannot tell": a Node that keeps the thing elsewhere must not make a caller close or move a
 * connection.
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

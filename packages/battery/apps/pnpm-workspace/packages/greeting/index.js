export const greeting = () => ({ pid: process.pid })

module.exports = {
  apps: [
    {
      name: 'server',
      script: 'server.js',
      exec_mode: 'fork',
      instances: 1,
      node_args: process.env.BATTERY_FLAGS,
      kill_timeout: 20_000,
    },
  ],
}

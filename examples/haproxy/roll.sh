#!/bin/sh
# roll.sh PORT...: starts a server on each port, one after the other. If a server already runs on the port, it is stopped first,
# while the other servers keep serving. RUN is the folder of the pid files.
set -eu
run=${RUN:-.}
here=$(dirname "$0")
for port in "$@"; do
  if [ -s "$run/$port.pid" ]; then
    kill -TERM "$(cat "$run/$port.pid")"
    # The server removes its pid file when its last connection has ended.
    while [ -e "$run/$port.pid" ]; do sleep 0.1; done
  fi
  PORT=$port RUN=$run node "$here/server.mjs" &
  until curl --fail --silent --output /dev/null "http://127.0.0.1:$port/readyz"; do sleep 0.1; done
done

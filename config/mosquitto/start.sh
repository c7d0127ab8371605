#!/bin/sh
# Mosquitto in a container beside the hub's: begins when the hub has written its files, reads them again when
# they change. Runs as root, which Mosquitto gives up by itself.
#   start.sh CONFIGURATION FOLDER
set -eu
configuration=$1
files=$2

# the hub writes `reload` after all others; a file that is replaced has another inode
state() { stat -c '%i %Y' "$files/reload" 2>/dev/null || true; }
# the hub lets only its group read the broker's key
share() { chgrp mosquitto "$files/broker-key.pem"; }

until [ -f "$files/listener.conf" ]; do sleep 1; done
seen=$(state)
share
mosquitto -c "$configuration" &
broker=$!
trap 'kill -TERM $broker' TERM INT
while kill -0 $broker 2>/dev/null; do
    sleep 2 &
    wait $! || true
    now=$(state)
    if [ "$now" != "$seen" ]; then
        seen=$now
        share
        kill -HUP $broker
    fi
done
wait $broker

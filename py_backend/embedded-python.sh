#!/bin/sh
# Runs the Python of an embedded backend: its output goes to the log file, it reads nothing, and signals that go to a whole
# process group or terminal are left to the process that started it, which ends this one when its work is safe. The channel
# to that process (file descriptor 3) stays open.
trap '' INT TERM HUP QUIT
exec "$MRPO_EMBEDDED_PYTHON" "$@" </dev/null >>"$MRPO_EMBEDDED_LOG" 2>&1

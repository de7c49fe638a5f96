#!/bin/sh
# Runs the Python of an embedded backend: its output goes to the log file, it reads nothing, and Ctrl-C is left to the
# process that started it. The channel to that process (file descriptor 3) stays open.
trap '' INT
exec "$MRPO_EMBEDDED_PYTHON" "$@" </dev/null >>"$MRPO_EMBEDDED_LOG" 2>&1

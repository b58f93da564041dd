#!/bin/sh
# single.sh [STATUS [SECONDS]]: runs for SECONDS (2), then exits with STATUS (0).

status=${1:-0}
seconds=${2:-2}

trap 'echo "$$: TERM, a good end"; exit 0' TERM

echo "$$: running for $seconds s"
sleep "$seconds"
echo "$$: exit $status"
exit "$status"

#!/bin/sh
# A plain program that runs until TERM and then ends well.

trap 'echo "$$: TERM, a good end"; exit 0' TERM

echo "$$: running for ever"
while :; do
	sleep 1
done

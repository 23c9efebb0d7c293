#!/bin/sh
# Somebody with work that is nowhere else: a commit that was never pushed, and notes that were never committed. Killed and
# restored, it finds both again.
set -u
. "${0%/*}/common.sh"

note "started $AO_EPOCH"
tell session-start
if [ -f notes ]; then
  note "found notes $(git log -1 --format=%s)"
  say 'Everything is there: my commit, and my notes.'
else
  echo 'Shall we greet the moon, too?' > draft
  git add draft && git commit --quiet --message 'Draft a greeting'
  echo 'Not yet.' > notes
  note "drafted $(git rev-parse HEAD)"
fi
tell stop
while read -r _; do :; done

#!/bin/sh
# A manager. Spawns two workers by its tools and ends its turn. Told to decide, it thinks, and thinks: it has to be killed.
# The one after it reads how things stand, and finishes.
set -u
. "${0%/*}/common.sh"

worker() { ao objective worker "$AO_OBJECTIVE_ID" --title "$1" --prompt "$2" && note "planned $1"; }

note "started $AO_EPOCH"
tell session-start
tell user-prompt-submit
if grep -q 'You are resuming' "$AO_PROMPT_FILE"; then
  note resumed
  insist ao objective plan "$AO_OBJECTIVE_ID" --did 'hello and goodbye' --did 'thanks'
  insist ao objective done "$AO_OBJECTIVE_ID" --summary 'Hello, goodbye and thanks are reviewed and merged'
else
  say "Two workers for $AO_OBJECTIVE_ID."
  worker 'hello and goodbye' 'Write hello.sh and goodbye.sh tersely, each in a pull request of its own.'
  worker 'thanks' 'Write thanks.sh carelessly, and list it in GREETINGS.'
  insist ao objective note "$AO_OBJECTIVE_ID" 'Whoever reviews: each script must say what it is for'
fi
tell stop

while IFS= read -r line; do
  case "$line" in
    'Decide now'*)
      note poked
      tell user-prompt-submit
      say 'Let me think.'
      ;;
    'Pull request #'*' was merged.'*)
      note "heard ${line%%.*}"
      ;;
  esac
done

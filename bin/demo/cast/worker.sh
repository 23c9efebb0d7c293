#!/bin/sh
# A worker. Writes the scripts that its prompt names, each on a branch and in a pull request of its own, then mends what
# it is told: a check that fails, a comment, what a reviewer found, a conflict.
set -u
. "${0%/*}/common.sh"

own=ao/$AO_SESSION_ID
prompt=$(cat "$AO_PROMPT_FILE")

# The branch of a script: the first has the session's own.
branch_of() { if git rev-parse --quiet --verify "$own-$1" > /dev/null; then echo "$own-$1"; else echo "$own"; fi; }

# write NAME GREETING: the script, with a word on what it is for unless the prompt wants it terse.
write() {
  case "$prompt" in *tersely*) : > "$1.sh" ;; *) explain > "$1.sh" ;; esac
  printf 'echo "%s"\n' "$2" >> "$1.sh"
}
explain() { echo '# Greets the world.'; }

# publish MESSAGE: commits all there is, and pushes it.
publish() { git add --all && git commit --quiet --message "$1" && insist git push --quiet origin HEAD && note "pushed $1"; }

# mend NAME MESSAGE COMMAND…: one more commit on the branch of a script.
mend() {
  name=$1 message=$2
  shift 2
  tell user-prompt-submit
  git switch --quiet "$(branch_of "$name")"
  "$@"
  publish "$message"
  git switch --quiet "$own"
}

with_comment() { { explain; cat "$name.sh"; } > draft && mv draft "$name.sh"; }
with_greeting() { write "$name" "$name, world"; }

# Puts its commits onto what was merged meanwhile; of a list that both wrote on, both lines stay.
rebase() {
  insist git fetch --quiet origin main
  if ! git rebase --quiet FETCH_HEAD > /dev/null 2>&1; then
    { git show FETCH_HEAD:GREETINGS; echo "$1.sh"; } > GREETINGS
    git add GREETINGS
    GIT_EDITOR=true git rebase --continue > /dev/null
  fi
  insist git push --quiet --force-with-lease origin HEAD
  note "rebased $1"
}

note "started $AO_EPOCH"
tell session-start
say "My task: $prompt"
tell user-prompt-submit
for name in $(printf '%s\n' "$prompt" | grep -o '[a-z]*\.sh' | sed 's/\.sh$//'); do
  branch=$(git branch --show-current)
  if [ -n "${first-}" ]; then branch=$own-$name && git switch --quiet --no-track --create "$branch" "$base"; fi
  base=${base-$(git rev-parse HEAD)} first=done
  case "$prompt" in *carelessly*) write "$name" "$name world" ;; *) write "$name" "$name, world" ;; esac
  case "$prompt" in *'list it'*) echo "$name.sh" >> GREETINGS ;; esac
  publish "Write $name.sh"
  insist ao pr open --title "Write $name.sh" --head "$branch"
  note "opened $name"
done
git switch --quiet "$own"
tell stop

while IFS= read -r line; do
  name=$(printf '%s' "$line" | sed -n -e 's/.*"Write \([a-z]*\)\.sh".*/\1/p' -e 's/^\([a-z]*\)\.sh does not .*/\1/p')
  case "$line" in
    'Pull request #'*' fails: '*)
      note "told check $name"
      say "The check of $name.sh fails. Mending it."
      mend "$name" "Mend $name.sh" with_greeting
      insist ao report --summary "$name.sh is written, and its check passes"
      tell stop
      ;;
    'Pull request #'*' was reviewed: '*)
      note "told comment $name"
      say "Somebody wants $name.sh explained. Explaining it."
      mend "$name" "Explain $name.sh" with_comment
      tell stop
      ;;
    *'.sh does not say what it is for.')
      note "told review $name"
      say "The reviewer is right about $name.sh. Explaining it."
      mend "$name" "Explain $name.sh" with_comment
      insist ao report --summary "Both scripts are written and explained"
      tell stop
      ;;
    'Pull request #'*' cannot be merged as it is.')
      note "told conflict $name"
      say "$name.sh conflicts with what was merged. Rebasing."
      tell user-prompt-submit
      rebase "$name"
      tell stop
      ;;
  esac
done

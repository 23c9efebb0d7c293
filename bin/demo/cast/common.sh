# What every agent of the demo can do. `AO_TERMINAL_ID` is the session's id, or `review-` and the id for a reviewer.

# Writes down what happened to it, where the demo looks for evidence.
note() { printf '%s\n' "$*" >> "$DIARY/$AO_TERMINAL_ID"; }

# Tells its session what it does, as the hooks of a coding agent would.
tell() { ao hook command "$1" < /dev/null; }

say() { printf '\033[1m• %s\033[0m\n' "$*"; }

# Does it until it succeeds: the daemon may be away for a moment, and git may be in use by another worktree.
insist() { until "$@"; do sleep 0.3; done; }
